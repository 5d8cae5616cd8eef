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
  takeHostOut: post({
    path: '/api/v1/hosts/:host/maintenance',
    who: 'admin',
    summary: 'Take a host out for maintenance: nothing new starts there, canaries neither',
    body: contract.TakeOutRequest,
    answer: contract.HostView,
    status: 200,
  }),
  endMaintenance: post({
    path: '/api/v1/hosts/:host/maintenance/end',
    who: 'admin',
    summary: 'Bring a host back from maintenance: it is suspect until a canary works there',
    body: contract.BringBackRequest,
    answer: contract.HostView,
    status: 200,
  }),
  quarantineHost: post({
    path: '/api/v1/hosts/:host/quarantine',
    who: 'admin',
    summary: 'Quarantine a host until a person ends it',
    body: contract.TakeOutRequest,
    answer: contract.HostView,
    status: 200,
  }),
  endQuarantine: post({
    path: '/api/v1/hosts/:host/quarantine/end',
    who: 'admin',
    summary: 'End a quarantine, also one that the grid began: the host is suspect until a canary works there',
    body: contract.BringBackRequest,
    answer: contract.HostView,
    status: 200,
  }),
  reserveHost: post({
    path: '/api/v1/hosts/:host/reservation',
    who: 'submitter',
    summary: 'Have a host for yourself for a while, or for longer',
    body: contract.ReserveRequest,
    answer: contract.ReservationView,
    status: 201,
  }),
  endReservation: post({
    path: '/api/v1/hosts/:host/reservation/end',
    who: 'submitter',
    summary: 'Give a host back; a grid admin may do so for anybody',
    answer: contract.HostView,
    status: 200,
  }),
  listReservations: get({
    path: '/api/v1/reservations',
    who: 'person',
    summary: 'Who has which host, and until when',
    answer: contract.ReservationList,
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
  retrySubmission: post({
    path: '/api/v1/submissions/:submission/retry',
    who: 'submitter',
    summary: 'Submit the failed runs of a submission once more, or those without a verdict',
    body: contract.RetryRequest,
    answer: contract.SubmissionView,
    status: 201,
    idempotent: true,
  }),
  readMorning: get({
    path: '/api/v1/submissions/:submission/morning',
    who: 'person',
    summary: 'What is new, still red, fixed or without a verdict, against the one of the same name before it',
    answer: contract.MorningView,
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
  listKnown: get({
    path: '/api/v1/known',
    who: 'person',
    summary: 'Failures that are known, by test',
    query: contract.KnownQuery,
    answer: contract.KnownList,
  }),
  makeKnown: post({
    path: '/api/v1/known',
    who: 'submitter',
    summary: 'Tie an issue to a failure of a test; its reds stay red and show the link',
    body: contract.KnownRequest,
    answer: contract.KnownView,
    status: 201,
  }),
  forgetKnown: {
    method: 'DELETE',
    path: '/api/v1/known/:known',
    who: 'submitter',
    summary: 'Untie an issue from a failure',
    answer: contract.KnownView,
    status: 200,
  },
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
