import type { SubmissionPlan, SubmissionRequest } from '../http/contract.js';
import { refusePlaces } from './archive-options.js';
import { uploaded, type WantedArtefact } from './artefact.js';
import type { Client } from './client.js';
import { Failure, Refused } from './failure.js';
import { plain, type Screen } from './screen.js';
import type { Setting } from './setting.js';
import type { SubmittedFiles } from './submit-files.js';

/** What `submit` can be told. */
export interface SubmitOptions {
  readonly watch?: boolean;
  readonly priority?: number;
  readonly project?: string;
  readonly name?: string;
  readonly label?: readonly string[];
  readonly not?: readonly string[];
  readonly variant?: readonly Readonly<Record<string, string>>[];
  readonly matrix?: Readonly<Record<string, string[]>>;
  readonly host?: readonly string[];
  readonly hostType?: readonly string[];
  readonly each?: 'host' | 'host_type';
  readonly artefact?: readonly WantedArtefact[];
  readonly buildId?: string;
  readonly wait?: boolean;
  readonly queueTimeout?: number;
  readonly dryRun?: boolean;
  /** Seconds. */
  readonly holdOnFailure?: number | undefined;
  /** Who is told of the end. */
  readonly mail?: string;
  /** A repository: then what is named are paths in it. */
  readonly git?: string;
  readonly ref?: string;
  /** Where in an archive at an address of the web the tests are. */
  readonly path?: readonly string[];
  /** The folder that goes along with LAVA definitions in it. */
  readonly tree?: string;
  /** Values for parameters of LAVA definitions. */
  readonly param?: Readonly<Record<string, string>>;
}

type WantedTest = NonNullable<SubmissionRequest['tests']>[number];

/** Submits test files, and tests of the inventory by name or label; or says what would come of it. */
export async function submit(
  { client, screen, json }: Setting,
  what: readonly string[],
  options: SubmitOptions,
): Promise<number> {
  const { tests, names } = await testsOf(what, options, client, screen);
  const request = {
    tests: [...tests],
    ...asked(what, options),
    ...(await underTest(client, screen, options)),
  };
  const explained = (error: unknown) => {
    throw error instanceof Refused ? named(error, names) : error;
  };
  if (options.dryRun) {
    const plan = await client.planSubmission({ ...request, dryRun: true }).catch(explained);
    if (json) screen.json(plan);
    else showPlan(screen, plan);
    return 0;
  }
  const submission = await client.submit(request).catch(explained);
  if (options.watch) {
    if (!json) screen.note(`${submission.id} submitted; it goes on without this command too`);
    const { follow } = await import('./follow.js');
    return (await follow(client, screen, submission, json)).exit;
  }
  if (json) screen.json(submission);
  else {
    screen.line(submission.id);
    if (screen.isTerminal) screen.note(`see what comes of it: testyard show ${submission.id}`);
  }
  return 0;
}

/** The options as the API has them; only what was said. */
function asked(what: readonly string[], options: SubmitOptions): Omit<SubmissionRequest, 'tests'> {
  const { project, name, priority, variant, matrix, wait, queueTimeout } = options;
  const { label = [], not = [], artefact, buildId, holdOnFailure } = options;
  const selects = label.length + not.length > 0;
  if (options.ref !== undefined && options.git === undefined)
    throw new Failure('--ref says which branch, tag or commit of a repository: name that with --git');
  if (what.length === 0 && !selects && options.git === undefined)
    throw new Failure('name tests, or select some of the inventory with --label or --not');
  if (buildId !== undefined && artefact === undefined)
    throw new Failure('--build-id says of which build the artefacts are: name them with --artefact');
  const targets = targetsOf(options);
  return {
    ...(project === undefined ? {} : { project }),
    ...(name === undefined ? {} : { name }),
    ...(priority === undefined ? {} : { priority }),
    ...(selects ? { select: { with: [...label], without: [...not] } } : {}),
    ...(options.param === undefined ? {} : { params: options.param }),
    ...(variant === undefined ? {} : { variants: [...variant] }),
    ...(matrix === undefined ? {} : { matrix: { axes: matrix } }),
    ...(targets === undefined ? {} : { targets }),
    ...(wait ? { wait } : {}),
    ...(queueTimeout === undefined ? {} : { queueTimeoutS: queueTimeout }),
    ...(holdOnFailure === undefined ? {} : { holdOnFailureS: holdOnFailure }),
    ...(options.mail === undefined ? {} : { mailTo: options.mail }),
  };
}

/** Files are uploaded first, unless nothing is to be done. */
async function underTest(
  client: Client,
  screen: Screen,
  { artefact, buildId, dryRun }: SubmitOptions,
): Promise<Pick<SubmissionRequest, 'artefacts'>> {
  if (artefact === undefined) return {};
  const wanted = dryRun ? artefact.filter((one) => 'url' in one) : artefact;
  const artefacts = await uploaded(client, screen, wanted);
  return { artefacts: artefacts.map((one) => ({ ...one, ...(buildId === undefined ? {} : { buildId }) })) };
}

function targetsOf({ host, hostType, each }: SubmitOptions): SubmissionRequest['targets'] {
  if (each !== undefined && host !== undefined)
    throw new Failure('--each and --host exclude each other: say which hosts, or that it is each');
  if (each === 'host_type' && hostType !== undefined)
    throw new Failure('--each host-type is all types already: leave --host-type out, or say --each host');
  const every = each === undefined ? {} : { each };
  if (hostType === undefined && host === undefined) return each === undefined ? undefined : [every];
  return [
    ...(host ?? []).map((one) => ({ host: one })),
    ...(hostType ?? []).map((one) => ({ hostType: one, ...every })),
  ];
}

function showPlan(screen: Screen, plan: SubmissionPlan): void {
  const runs = (count: number) => `${count} ${count === 1 ? 'run' : 'runs'}`;
  screen.line(`${runs(plan.runs)} would be made; nothing was submitted`);
  screen.table(
    plan.tests.map((one) => [
      `  ${one.test}`,
      runs(one.runs),
      one.variants > 1 ? `${one.variants} variants` : '',
    ]),
  );
  for (const one of plan.tests)
    for (const { runs: count, reason, waits } of one.notCompatible) {
      const what = waits ? 'would wait for another inventory' : 'not compatible';
      screen.line(screen.paint('warn', `${one.test}: ${runs(count)} ${what}: ${plain(reason)}`));
    }
  for (const left of plan.leftOut) {
    const more = left.count - left.names.length;
    const names = left.names.join(', ') + (more > 0 ? ` and ${more} more` : '');
    const tests = left.tests.join(', ') + (left.testCount > left.tests.length ? ', ...' : '');
    screen.line(`left out for ${plain(tests)}: ${plain(names)}: ${plain(left.reason)}`);
  }
}

/** Paths of a repository, which the API fetches; none named is all of it. */
function inRepository(what: readonly string[], { git: url = '', ref }: SubmitOptions): WantedTest[] {
  const named = ref === undefined ? { url } : { url, ref };
  return (what.length === 0 ? ['.'] : what).map((path) => ({ git: { ...named, path } }));
}

async function testsOf(
  what: readonly string[],
  options: SubmitOptions,
  client: Client,
  screen: Screen,
): Promise<SubmittedFiles> {
  refusePlaces(what, options);
  if (options.git !== undefined) return { tests: inRepository(what, options), names: what };
  const { filesToSubmit } = await import('./submit-files.js');
  return await filesToSubmit(what, {
    client: options.dryRun ? undefined : client,
    screen,
    tree: options.tree,
    paths: options.path ?? [],
  });
}

/** The API counts the tests that were sent; a person knows their files. */
function named(error: Refused, what: readonly string[]): Refused {
  const errors = error.problem.errors?.map((mistake) => {
    const index = /^\/?tests[.[/](\d+)/.exec(mistake.where)?.[1];
    return {
      ...mistake,
      where: index === undefined ? mistake.where : (what[Number(index)] ?? mistake.where),
    };
  });
  return new Refused({ ...error.problem, ...(errors === undefined ? {} : { errors }) });
}
