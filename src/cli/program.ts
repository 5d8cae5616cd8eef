import { Command, InvalidArgumentError } from 'commander';
import { type Setting, setting } from './setting.js';
import type { CommonOptions } from './settings.js';
import type { SubmitOptions } from './submit.js';

/**
 * Every command and its options. What a command does is loaded when it is called, so that what is asked for
 * often is quick, and only `up` and `executor` ever load a server or a database.
 */
export function program(version: string, done: (exit: number) => void): Command {
  const testyard = new Command('testyard')
    .description('A test grid for real machines whose red means red')
    .version(version, '-V, --version')
    .option('--url <url>', 'the grid to ask (TESTYARD_URL)')
    .option('--token <token>', 'who asks (TESTYARD_TOKEN)')
    .option('--state-dir <dir>', "the folder of this machine's grid (TESTYARD_STATE)")
    .option('--json', 'print JSON: one document, or lines where something goes on')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Exit: 0 all passed (a skip counts as passed), 1 a red, 2 wrong usage or refused,
      3 held, without a verdict, or no answer from the grid.

First steps:
  testyard run mytest.sh             here and now, without any grid
  testyard up                        start a grid on this machine
  testyard submit mytest.sh --watch  give it a test`,
    );
  /** An action gets the setting, then its arguments and its own options. */
  const does =
    <Args extends unknown[]>(action: (setting: Setting, ...args: Args) => Promise<number>) =>
    async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const common = command.optsWithGlobals<CommonOptions>();
      done(await action(setting(common), ...(given.slice(0, -1) as Args)));
    };

  testyard
    .command('up')
    .description('start a grid on this machine, with a database of its own unless DATABASE_URL is set')
    .option('--listen <address>', 'where the API listens, for example 127.0.0.1:7070')
    .option('--inventory <dir>', 'the folder that describes hosts, tags, steps and tests')
    .option('--roles <roles>', 'api, scheduler, executor', list, ['api', 'scheduler', 'executor'])
    .option('--no-demo', "do not submit the inventory's tests at the start")
    .action(does(async (...args: Parameters<UpModule['up']>) => (await import('./up.js')).up(...args)));
  testyard
    .command('executor')
    .description('work on hosts for a grid that runs elsewhere')
    .requiredOption('--api <url>', "the grid's API")
    .requiredOption('--token-file <file>', 'a file with the token of an executor')
    .requiredOption('--name <name>', 'what the grid calls this executor')
    .option('--fingerprint <sha256>', "the fingerprint of the API's certificate")
    .action(
      does(async (...args: Parameters<ExecutorModule['executor']>) =>
        (await import('./executor.js')).executor(...args),
      ),
    );
  testyard
    .command('run')
    .description('run tests on this machine, or one host over ssh: no server, no database, nothing altered')
    .argument('[test...]', 'executables with their needs in comments, YAML, or folders of them')
    .option('--dry-run', 'only say what would be run, and what never could be here')
    .option('--label <label>', 'only tests that have it; repeat for all of several', gather)
    .option('--not <label>', 'of those, none that has it; repeat for more', gather)
    .option('--variant <K=V,...>', 'run once with this environment; repeat for more runs', gatherVariant)
    .option(
      '--matrix <NAME=a,b,...>',
      'run with each of these values; repeat for every combination',
      gatherAxes,
    )
    .option('--junit <file>', 'write JUnit XML there')
    .option('--tap <file>', 'write TAP 14 there')
    .option('--results <dir>', 'keep verdict, log, cases, events and environment of every run there')
    .option(
      '--host <user@host[:port]>',
      'on this host over ssh; with --inventory the name of one of its hosts',
    )
    .option('--key <file>', 'the private key to log in with')
    .option('--known-hosts <file>', "where the host's key is written down, in place of ~/.ssh/known_hosts")
    .option('--host-key <SHA256:...>', "the fingerprint of the host's key")
    .option('--inventory <dir>', 'the folder that describes a lab: its tags, hosts and tests')
    .action(does(async (...args: Parameters<RunModule['run']>) => (await import('./run.js')).run(...args)));

  testyard
    .command('submit')
    .description('give the grid tests: files, or names of tests in the inventory')
    .argument('[test...]')
    .option('-w, --watch', 'wait until every run is done or held')
    .option('--dry-run', 'only say which runs it would make, and which could never run')
    .option('--label <label>', "also the inventory's tests that have it; repeat for all of several", gather)
    .option('--not <label>', 'of those, none that has it; repeat for more', gather)
    .option('--priority <number>', 'higher goes first', integer)
    .option('--project <name>', 'whose it is')
    .option('--name <text>', 'what to call it')
    .option('--variant <K=V,...>', 'run once with this environment; repeat for more runs', gatherVariant)
    .option(
      '--matrix <NAME=a,b,...>',
      'run with each of these values; repeat for every combination',
      gatherAxes,
    )
    .option('--host <name>', 'run on this host; repeat for more', gather)
    .option('--host-type <name>', 'run on a host of this type; repeat for more', gather)
    .option('--each <what>', "'host' or 'host-type': once on each of those that could serve it", eachOf)
    .option('--artefact <name=url>', 'what is under test; repeat for more', gatherArtefacts)
    .option('--build-id <id>', 'the build that the artefacts are of')
    .option('--wait', 'what nothing can serve yet waits instead of ending at once')
    .option('--queue-timeout <time>', 'how long a run may wait, for example 12h', spanS)
    .option('--hold-on-failure [time]', 'keep a host on which a run fails for you: 1h unless said', spanS)
    .action(
      does(
        async (
          s: Setting,
          what: readonly string[],
          o: Omit<SubmitOptions, 'holdOnFailure'> & { readonly holdOnFailure?: number | true },
        ) =>
          (await import('./submit.js')).submit(s, what, {
            ...o,
            holdOnFailure: o.holdOnFailure === true ? AN_HOUR_S : o.holdOnFailure,
          }),
      ),
    );
  testyard
    .command('retry')
    .description('run once more what is done: a run, or all of a kind of a submission')
    .argument('[run]')
    .option('--failed <submission>', 'all its reds')
    .option('--no-verdict <submission>', 'all its runs without a verdict')
    .option('-w, --watch', 'wait until it is done or held')
    .action(
      does(async (...args: Parameters<RetryModule['retry']>) => (await import('./retry.js')).retry(...args)),
    );
  testyard
    .command('cancel')
    .description('end a run, or every run of a submission')
    .argument('<id>')
    .option('--why <text>', 'the reason, for others to read', '')
    .action(
      does(async (s: Setting, id: string, { why }: { why: string }) =>
        (await import('./cancel.js')).cancel(s, id, why),
      ),
    );

  testyard
    .command('status')
    .description('how the grid is')
    .action(does(async (s: Setting) => (await import('./status.js')).status(s)));
  testyard
    .command('hosts')
    .description('all hosts, or one with all that is known of it')
    .argument('[host]')
    .action(does(async (s: Setting, name?: string) => (await import('./hosts.js')).hosts(s, name)));
  testyard
    .command('runs')
    .description('runs, newest first')
    .option('--state <state>', 'waiting, held, running or done')
    .option('--verdict <verdict>', 'passed, failed, skipped or none')
    .option('--test <name>')
    .option('--submission <id>')
    .option('--project <name>')
    .option('--limit <number>', 'how many at most', integer, 50)
    .action(
      does(async (...args: Parameters<RunsModule['runs']>) => (await import('./runs.js')).runs(...args)),
    );
  testyard
    .command('show')
    .description('a run (r12), submission (s3), host (h1) or incident (i4)')
    .argument('<id>')
    .action(does(async (s: Setting, id: string) => (await import('./show.js')).show(s, id)));
  testyard
    .command('logs')
    .description('what a run printed')
    .argument('<run>')
    .option('-f, --follow', 'go on until the run is done or held')
    .option('--attempt <id>', 'of this attempt (its number or id), not the last')
    .action(
      does(async (...args: Parameters<LogsModule['logs']>) => (await import('./logs.js')).logs(...args)),
    );

  testyard
    .command('morning')
    .description(
      'what is new, still red, fixed, or without a verdict: the newest finished submission against the one before it',
    )
    .option('--name <text>', 'of the submissions of this name')
    .option('--project <name>', 'of this project')
    .action(
      does(async (...args: Parameters<MorningModule['morning']>) =>
        (await import('./morning.js')).morning(...args),
      ),
    );
  testyard
    .command('report')
    .description('a submission (s3) or a run (r12) as JUnit XML or TAP')
    .argument('<id>')
    .option('--junit <file>', "write JUnit XML there; '-' is standard output")
    .option('--tap <file>', "write TAP 14 there; '-' is standard output")
    .action(
      does(async (...args: Parameters<ReportModule['report']>) =>
        (await import('./report.js')).report(...args),
      ),
    );
  testyard
    .command('known')
    .description('tie an issue to a failure of a test; a known red is still red')
    .argument('[test]')
    .option('--run <run>', 'the failure that this run shows')
    .option('--signature <text>', 'the failure with this signature, or this error line')
    .option('--link <url>', 'the issue')
    .option('--why <text>', 'for others to read')
    .option('--project <name>', 'whose test it is')
    .option('--list', 'what is known')
    .option('--remove <id>', 'untie it: k3')
    .action(
      does(async (...args: Parameters<KnownModule['known']>) => (await import('./known.js')).known(...args)),
    );

  for (const way of ['maintenance', 'quarantine'] as const)
    testyard
      .command(way)
      .description(
        way === 'maintenance'
          ? 'take a host out: nothing new starts there, canaries neither'
          : 'keep tests from a host until a person ends it',
      )
      .argument('<host>')
      .option('--why <text>', 'the reason, for others to read')
      .option('--kill', 'stop what runs there; it is run again elsewhere')
      .option('--end', 'bring it back: suspect until a canary works there')
      .action(
        does(async (s: Setting, host: string, o: { why?: string; kill?: boolean; end?: boolean }) =>
          (await import('./take-out.js')).takeOut(s, way, host, o),
        ),
      );
  testyard
    .command('reserve')
    .description('have a host for yourself for a while')
    .argument('[host]')
    .option('--for <time>', 'for example 2h; again makes it longer', spanS)
    .option('--why <text>', 'the reason, for others to read')
    .option('--end', 'give it back')
    .option('--list', 'who has which host')
    .action(
      does(async (...args: Parameters<ReserveModule['reserve']>) =>
        (await import('./reserve.js')).reserve(...args),
      ),
    );

  testyard
    .command('halt')
    .description('the grid starts nothing more')
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--kill', 'stop what runs; it is run again after the resume')
    .action(
      does(async (...args: Parameters<HaltModule['halt']>) => (await import('./halt.js')).halt(...args)),
    );
  testyard
    .command('resume')
    .description('take a halt back')
    .option('--why <text>', 'the reason, for others to read', 'resumed')
    .action(
      does(async (s: Setting, { why }: { why: string }) => (await import('./resume.js')).resume(s, why)),
    );

  const inventory = testyard.command('inventory').description('the files that describe the lab');
  inventory
    .command('check')
    .description('what is wrong with a folder, without any grid')
    .argument('[dir]', 'the folder', '.')
    .action(does(async (s: Setting, dir: string) => (await import('./inventory.js')).checkInventory(s, dir)));
  inventory
    .command('diff')
    .description('what applying a folder would change')
    .argument('[dir]', 'the folder', '.')
    .action(does(async (s: Setting, dir: string) => (await import('./inventory.js')).diffInventory(s, dir)));
  inventory
    .command('apply')
    .description('make the grid what a folder says, all or nothing')
    .argument('[dir]', 'the folder', '.')
    .option('--drain', 'hosts that are no longer in it finish what they have, and then go')
    .action(
      does(async (s: Setting, dir: string, o: { drain?: boolean }) =>
        (await import('./inventory.js')).applyInventory(s, dir, o),
      ),
    );

  const token = testyard.command('token').description('who may do what');
  token
    .command('create')
    .description('make a token and print its secret, this once')
    .argument('<name>', 'whose it is')
    .option('--executor', 'for an executor')
    .option('--admin', 'a grid admin: may do everything')
    .option('--role <project=role>', 'viewer or submitter of a project; repeat for more', gatherPairs)
    .option('--expires <time>', 'for example 12h or 90d', spanS)
    .action(
      does(
        async (
          s: Setting,
          name: string,
          o: { executor?: boolean; admin?: boolean; role?: Record<string, string>; expires?: number },
        ) => (await import('./token.js')).createToken(s, name, { ...o, expiresInS: o.expires }),
      ),
    );
  token
    .command('list')
    .description('all tokens; never their secrets')
    .action(does(async (s: Setting) => (await import('./token.js')).listTokens(s)));
  token
    .command('revoke')
    .description('end a token for ever')
    .argument('<id>')
    .action(does(async (s: Setting, id: string) => (await import('./token.js')).revokeToken(s, id)));
  return testyard;
}

type UpModule = typeof import('./up.js');
type ExecutorModule = typeof import('./executor.js');
type RunModule = typeof import('./run.js');
const AN_HOUR_S = 3600;

type RetryModule = typeof import('./retry.js');
type RunsModule = typeof import('./runs.js');
type LogsModule = typeof import('./logs.js');
type MorningModule = typeof import('./morning.js');
type ReportModule = typeof import('./report.js');
type KnownModule = typeof import('./known.js');
type ReserveModule = typeof import('./reserve.js');
type HaltModule = typeof import('./halt.js');

function integer(text: string): number {
  if (!/^-?[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

function list(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function pairs(text: string): Record<string, string> {
  const read = text.split(',').map((part): [string, string] => {
    const equals = part.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`'${part}' is not NAME=value.`);
    return [part.slice(0, equals).trim(), part.slice(equals + 1)];
  });
  return Object.fromEntries(read);
}

function gatherVariant(text: string, before: readonly Record<string, string>[] = []) {
  return [...before, pairs(text)];
}

function gatherAxes(text: string, before: Readonly<Record<string, string[]>> = {}) {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError(`'${text}' is not NAME=value,value.`);
  const name = text.slice(0, equals).trim();
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`'${name}' is there twice.`);
  return { ...before, [name]: text.slice(equals + 1).split(',') };
}

function gatherArtefacts(text: string, before: readonly { name: string; url: string }[] = []) {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError(`'${text}' is not name=url.`);
  return [...before, { name: text.slice(0, equals).trim(), url: text.slice(equals + 1) }];
}

function eachOf(text: string): 'host' | 'host_type' {
  if (text !== 'host' && text !== 'host-type') throw new InvalidArgumentError("It is 'host' or 'host-type'.");
  return text === 'host' ? 'host' : 'host_type';
}

function gatherPairs(text: string, before: Readonly<Record<string, string>> = {}) {
  return { ...before, ...pairs(text) };
}

function spanS(text: string): number {
  const match = /^([0-9]{1,6})([smhd])$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It is a time such as 12h or 90d.');
  return Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as 's' | 'm' | 'h' | 'd'];
}
