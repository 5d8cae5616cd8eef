import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { SubmitOptions } from '../submit.js';
import type { Does } from './does.js';
import {
  eachOf,
  gather,
  gatherArtefacts,
  gatherAxes,
  gatherParam,
  gatherVariant,
  integer,
  spanS,
} from './option.js';

/** Commands that give the grid work, or take it back. */
export function addSubmitting(testyard: Command, does: Does): void {
  testyard
    .command('submit')
    .description('give the grid tests: files, folders, URLs, or names of tests in the inventory')
    .argument('[test...]')
    .option('-w, --watch', 'wait until every run is done or held')
    .option('--git <url>', 'the tests are files or folders of this repository')
    .option('--ref <name>', 'at this branch, tag or commit')
    .option('--path <path>', 'the tests are there in the archive that a URL names; repeat for more', gather)
    .option('--tree <dir>', 'this folder goes along with LAVA definitions in it')
    .option(
      '--param <NAME=value>',
      'a value for a parameter of LAVA definitions; repeat for more',
      gatherParam,
    )
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
    .option(
      '--artefact <name=url|file>',
      'what is under test, a file is uploaded; repeat for more',
      gatherArtefacts,
    )
    .option('--build-id <id>', 'the build that the artefacts are of')
    .option('--wait', 'what nothing can serve yet waits instead of ending at once')
    .option('--queue-timeout <time>', 'how long a run may wait, for example 12h', spanS)
    .option('--mail <address>', 'one letter goes there when every run is done or held')
    .option('--hold-on-failure [time]', 'keep a host on which a run fails for you: 1h unless said', spanS)
    .action(
      does(
        async (
          s: Setting,
          what: readonly string[],
          o: Omit<SubmitOptions, 'holdOnFailure'> & { readonly holdOnFailure?: number | true },
        ) =>
          (await import('../submit.js')).submit(s, what, {
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
      does(async (...args: Parameters<RetryModule['retry']>) => (await import('../retry.js')).retry(...args)),
    );
  testyard
    .command('cancel')
    .description('end a run, or every run of a submission')
    .argument('<id>')
    .option('--why <text>', 'the reason, for others to read', '')
    .action(
      does(async (s: Setting, id: string, { why }: { why: string }) =>
        (await import('../cancel.js')).cancel(s, id, why),
      ),
    );
}

type RetryModule = typeof import('../retry.js');
const AN_HOUR_S = 3600;
