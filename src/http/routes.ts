import { z } from 'zod';
import * as protocol from '../protocol/messages.js';
import { PROTOCOL } from '../protocol/terms.js';
import * as contract from './contract.js';

/** Who may call a route. */
export type Who =
  /** Without a token too. */
  | 'anyone'
  /** Any person with a token; sees what the roles of the token show. */
  | 'person'
  /** A person who is a submitter of the project concerned; who can only see it gets 403, who cannot 404. */
  | 'submitter'
  /** A grid admin. */
  | 'admin'
  /** An executor, for its own leases. */
  | 'executor';

/** What a successful answer carries: JSON of this form, or something that is no JSON of ours. */
export type Answer =
  | z.ZodType
  /** Bytes as they are. */
  | 'bytes'
  /** Server-sent events, each an EventView. */
  | 'events'
  /** A document that describes itself. */
  | 'document';

/** One route of the API. The table below is all there is: guard, OpenAPI file and role tests read it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly who: Who;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer: Answer;
  readonly status: 200 | 201;
  /** What else a success may answer, where the body asks for it. */
  readonly also?: { readonly status: 200; readonly answer: z.ZodType };
  /** True where the header Idempotency-Key makes repeating harmless. */
  readonly idempotent?: true;
  /** False for what is not for people and programs of theirs. */
  readonly documented?: false;
  /** Larger bodies are refused; 1 MiB unless said. */
  readonly bodyLimitBytes?: number;
}

const MEBIBYTE = 1024 * 1024;

/** The largest body that is taken anywhere. */
export const LARGEST_BODY_BYTES = 20 * MEBIBYTE;

const get = <const Rest extends Omit<Route, 'method' | 'status'>>(rest: Rest) =>
  ({ method: 'GET', status: 200, ...rest }) as const;
const post = <const Rest extends Omit<Route, 'method'>>(rest: Rest) => ({ method: 'POST', ...rest }) as const;
const executor = <const Path extends string, Body extends z.ZodType>(path: Path, body: Body) =>
  post({
    path: `/executor/v1/${path}`,
    who: 'executor',
    summary: `The executors' protocol ${PROTOCOL}: ${path}`,
    body,
    answer: 'document',
    status: 200,
    documented: false,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  });

/** How an executor gives its lease back. */
const Release = z.strictObject({ lease: z.string().regex(/^[0-9]{1,19}$/), reason: z.string().max(1000) });

/** Every route, by the name of its operation. */
export const routes = {
  readGrid: get({
    path: '/api/v1/grid',
    who: 'person',
    summary: 'How the grid is',
    answer: contract.GridView,
  }),
  haltGrid: post({
    path: '/api/v1/grid/halt',
    who: 'admin',
    summary: 'Halt the grid: it starts nothing more',
    body: contract.HaltRequest,
    answer: contract.GridView,
    status: 200,
  }),
  resumeGrid: post({
    path: '/api/v1/grid/resume',
    who: 'admin',
    summary: 'Take a halt back',
    body: contract.ResumeRequest,
    answer: contract.GridView,
    status: 200,
  }),
  readInventory: get({
    path: '/api/v1/inventory',
    who: 'admin',
    summary: 'The inventory that is applied, as files',
    answer: contract.InventoryView,
  }),
  diffInventory: post({
    path: '/api/v1/inventory/diff',
    who: 'admin',
    summary: 'What an inventory would change',
    body: contract.InventoryDiffRequest,
    answer: contract.InventoryDiff,
    status: 200,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
  applyInventory: post({
    path: '/api/v1/inventory',
    who: 'admin',
    summary: 'Apply an inventory, all or nothing; the same again changes nothing',
    body: contract.InventoryRequest,
    answer: contract.InventoryApplied,
    status: 200,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
  listHosts: get({
    path: '/api/v1/hosts',
    who: 'person',
    summary: 'Hosts, by name',
    query: contract.HostQuery,
    answer: contract.HostPage,
  }),
  readHost: get({
    path: '/api/v1/hosts/:host',
    who: 'person',
    summary: 'One host, by id or name',
    answer: contract.HostView,
  }),
  submit: post({
    path: '/api/v1/submissions',
    who: 'submitter',
    summary: 'Submit tests, or with dryRun only say what it would come to',
    body: contract.SubmissionRequest,
    answer: contract.SubmissionView,
    status: 201,
    also: { status: 200, answer: contract.SubmissionPlan },
    idempotent: true,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
  listSubmissions: get({
    path: '/api/v1/submissions',
    who: 'person',
    summary: 'Submissions, newest first',
    query: contract.SubmissionQuery,
    answer: contract.SubmissionPage,
  }),
  readSubmission: get({
    path: '/api/v1/submissions/:submission',
    who: 'person',
    summary: 'One submission',
    answer: contract.SubmissionView,
  }),
  cancelSubmission: post({
    path: '/api/v1/submissions/:submission/cancel',
    who: 'submitter',
    summary: 'Ask for the end of every run of a submission that is not done',
    body: contract.CancelRequest,
    answer: contract.SubmissionView,
    status: 200,
  }),
  listRuns: get({
    path: '/api/v1/runs',
    who: 'person',
    summary: 'Runs, newest first',
    query: contract.RunQuery,
    answer: contract.RunPage,
  }),
  readRun: get({
    path: '/api/v1/runs/:run',
    who: 'person',
    summary: 'One run with its attempts',
    answer: contract.RunDetail,
  }),
  cancelRun: post({
    path: '/api/v1/runs/:run/cancel',
    who: 'submitter',
    summary: 'Ask for the end of a run',
    body: contract.CancelRequest,
    answer: contract.RunView,
    status: 200,
  }),
  retryRun: post({
    path: '/api/v1/runs/:run/retry',
    who: 'submitter',
    summary: 'Submit a run that is done once more',
    answer: contract.SubmissionView,
    status: 201,
    idempotent: true,
  }),
  readLog: get({
    path: '/api/v1/runs/:run/log',
    who: 'person',
    summary: 'The output of an attempt, from a byte on; live with follow=true',
    query: contract.LogQuery,
    answer: 'bytes',
  }),
  listIncidents: get({
    path: '/api/v1/incidents',
    who: 'person',
    summary: 'Incidents, newest first',
    query: contract.IncidentQuery,
    answer: contract.IncidentPage,
  }),
  readIncident: get({
    path: '/api/v1/incidents/:incident',
    who: 'person',
    summary: 'One incident with its evidence',
    answer: contract.IncidentView,
  }),
  listTests: get({
    path: '/api/v1/tests',
    who: 'person',
    summary: 'Tests in their latest version, by project and name',
    query: contract.TestQuery,
    answer: contract.TestPage,
  }),
  listProjects: get({
    path: '/api/v1/projects',
    who: 'person',
    summary: 'Projects that you may see',
    answer: contract.ProjectList,
  }),
  createProject: post({
    path: '/api/v1/projects',
    who: 'admin',
    summary: 'Make a project',
    body: contract.ProjectRequest,
    answer: contract.ProjectView,
    status: 201,
  }),
  listTokens: get({
    path: '/api/v1/tokens',
    who: 'admin',
    summary: 'Tokens, newest first; never their secrets',
    answer: contract.TokenList,
  }),
  createToken: post({
    path: '/api/v1/tokens',
    who: 'admin',
    summary: 'Make a token; its secret is shown this once',
    body: contract.TokenRequest,
    answer: contract.TokenCreated,
    status: 201,
  }),
  revokeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/:token',
    who: 'admin',
    summary: 'End a token for ever; servers that have just seen it may take it for 5 more seconds',
    answer: contract.TokenView,
    status: 200,
  },
  readEvents: get({
    path: '/api/v1/events',
    who: 'person',
    summary: 'History as server-sent events; Last-Event-ID resumes without a gap',
    query: contract.EventQuery,
    answer: 'events',
  }),
  readOpenApi: get({
    path: '/api/v1/openapi.json',
    who: 'anyone',
    summary: 'This description of the API',
    answer: 'document',
  }),
  live: get({
    path: '/health/live',
    who: 'anyone',
    summary: 'Whether the process runs',
    answer: contract.HealthView,
  }),
  ready: get({
    path: '/health/ready',
    who: 'anyone',
    summary: 'Whether it can do its work: the database answers',
    answer: contract.HealthView,
  }),
  executorRegister: executor('register', protocol.Register),
  executorClaim: executor('claim', protocol.Claim),
  executorRenew: executor('renew', protocol.Renew),
  executorReport: executor('report', protocol.Report),
  executorRelease: executor('release', Release),
} as const satisfies Readonly<Record<string, Route>>;

/** The name of a route's operation. */
export type RouteName = keyof typeof routes;

/** A route by its name. */
export type RouteOf<Name extends RouteName> = (typeof routes)[Name];
