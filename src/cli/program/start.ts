import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import {
  atLeastOne,
  gather,
  gatherArtefacts,
  gatherAxes,
  gatherParam,
  gatherVariant,
  integer,
  list,
} from './option.js';

/** Commands that start something on this machine. */
export function addStarting(testyard: Command, does: Does): void {
  testyard
    .command('up')
    .description('start a grid on this machine, with a database of its own unless DATABASE_URL is set')
    .option('--listen <address>', 'where the API listens, for example 127.0.0.1:7070')
    .option('--inventory <dir>', 'the folder that describes hosts, tags, steps and tests')
    .option('--roles <roles>', 'api, scheduler, executor', list, ['api', 'scheduler', 'executor'])
    .option('--no-demo', "do not submit the inventory's tests at the start")
    .action(does(async (...args: Parameters<UpModule['up']>) => (await import('../up.js')).up(...args)));
  testyard
    .command('executor')
    .description('work on hosts for a grid that runs elsewhere')
    .requiredOption('--api <url>', "the grid's API")
    .requiredOption('--token-file <file>', 'a file with the token of an executor')
    .requiredOption('--name <name>', 'what the grid calls this executor')
    .option('--fingerprint <sha256>', "the fingerprint of the API's certificate")
    .action(
      does(async (...args: Parameters<ExecutorModule['executor']>) =>
        (await import('../executor.js')).executor(...args),
      ),
    );
  testyard
    .command('run')
    .description('run tests on this machine, or one host over ssh: no server, no database, nothing altered')
    .argument('[test...]', 'executables with their needs in comments, YAML, or folders of them; or URLs')
    .option('--git <url>', 'the tests are files or folders of this repository')
    .option('--ref <name>', 'at this branch, tag or commit')
    .option('--path <path>', 'the tests are there in the archive that a URL names; repeat for more', gather)
    .option('--tree <dir>', 'this folder goes along with LAVA definitions in it')
    .option('--dry-run', 'only say what would be run, and what never could be here')
    .option('--label <label>', 'only tests that have it; repeat for all of several', gather)
    .option('--not <label>', 'of those, none that has it; repeat for more', gather)
    .option(
      '--param <NAME=value>',
      'a value for a parameter of LAVA definitions; repeat for more',
      gatherParam,
    )
    .option('--variant <K=V,...>', 'run once with this environment; repeat for more runs', gatherVariant)
    .option(
      '--matrix <NAME=a,b,...>',
      'run with each of these values; repeat for every combination',
      gatherAxes,
    )
    .option(
      '--artefact <name=url|file>',
      'what is under test, as a submission has it; repeat for more',
      gatherArtefacts,
    )
    .option('--build-id <id>', 'the build that the artefacts are of')
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
    .option('--trust-handlers', 'start handlers that lie beside tests, on this machine')
    .action(does(async (...args: Parameters<RunModule['run']>) => (await import('../run.js')).run(...args)));
  addBisecting(testyard, does);
  testyard
    .command('check')
    .description('read tests as run does, and say what each is, needs and brings along; nothing is run')
    .argument('<test...>', 'executables, YAML, LAVA definitions, or folders of them; or URLs')
    .option('--git <url>', 'the tests are files or folders of this repository')
    .option('--ref <name>', 'at this branch, tag or commit')
    .option('--path <path>', 'the tests are there in the archive that a URL names; repeat for more', gather)
    .option('--tree <dir>', 'this folder goes along with LAVA definitions in it')
    .option(
      '--param <NAME=value>',
      'a value for a parameter of LAVA definitions; repeat for more',
      gatherParam,
    )
    .option('--inventory <dir>', 'the folder that describes a lab: its tags and what words of LAVA mean')
    .action(
      does(async (...args: Parameters<CheckModule['check']>) => (await import('../check.js')).check(...args)),
    );
  testyard
    .command('lava')
    .description('what LAVA definitions are to this program')
    .command('mapping')
    .description("what words of their metadata ask of a host, as an inventory's lava.yaml says it")
    .option('--inventory <dir>', 'the folder that describes a lab')
    .action(
      does(async (s: Setting, { inventory }: { inventory?: string }) =>
        (await import('../lava.js')).lavaMapping(s, inventory),
      ),
    );
}

/** The search for a commit: it starts much, but no grid. */
function addBisecting(testyard: Command, does: Does): void {
  const bisecting = testyard
    .command('bisect')
    .description(
      'find the commit that broke something, though the script that tells may flake; needs no grid',
    )
    .usage('[options] --good <rev> --bad <rev> -- <script> [args...]\n       testyard bisect log|reset')
    .argument('[script...]', 'exits 0 for good, 125 for cannot be tested, else for bad')
    .option('--good <rev>', 'a commit in which all was well')
    .option('--bad <rev>', 'a later one in which it is broken')
    .option('--repo <dir>', 'the repository', '.')
    .option('--jobs <n>', 'commits to try at a time, each in a work tree of its own', atLeastOne, 1)
    .option(
      '--switch-cost <n>',
      'what another commit costs (to build it, say), in runs of the script',
      integer,
    )
    .option('--timeout <s>', 'a script that runs longer is ended, and its commit is bad', atLeastOne)
    .option('--keep-files', 'do not remove what earlier trials built')
    .option('--output', 'show what the script prints')
    .addHelpText(
      'after',
      `
Each commit is tried in a temporary work tree; yours is left alone. Run the same command again to go on
after it was stopped. Exit: 0 a commit is named, 2 wrong usage, 3 it only flakes, is older, or cannot be told.

Examples:
  testyard bisect --good v1.0 --bad HEAD -- make check
  testyard bisect --good v1.0 --bad HEAD --jobs 4 -- ./check.sh fast
  testyard bisect --good v1.0 --bad HEAD --keep-files --switch-cost 10 -- sh -c 'make && ./flaky-test'`,
    )
    .action(
      does(async (...args: Parameters<BisectModule['bisect']>) =>
        (await import('../bisect.js')).bisect(...args),
      ),
    );
  bisecting
    .command('log')
    .description('what was tried so far')
    .action(
      does(async (s: Setting) =>
        (await import('../bisect.js')).bisectLog(s, bisecting.opts<{ repo: string }>()),
      ),
    );
  bisecting
    .command('reset')
    .description('forget it')
    .action(
      does(async (s: Setting) =>
        (await import('../bisect.js')).bisectReset(s, bisecting.opts<{ repo: string }>()),
      ),
    );
}

type BisectModule = typeof import('../bisect.js');
type CheckModule = typeof import('../check.js');
type UpModule = typeof import('../up.js');
type ExecutorModule = typeof import('../executor.js');
type RunModule = typeof import('../run.js');
