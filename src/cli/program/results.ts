import type { Command } from 'commander';
import type { Does } from './does.js';

/** Commands that show what came out. */
export function addResults(testyard: Command, does: Does): void {
  testyard
    .command('morning')
    .description(
      'what is new, still red, fixed, or without a verdict: the newest finished submission against the one before it',
    )
    .option('--name <text>', 'of the submissions of this name')
    .option('--project <name>', 'of this project')
    .action(
      does(async (...args: Parameters<MorningModule['morning']>) =>
        (await import('../morning.js')).morning(...args),
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
        (await import('../report.js')).report(...args),
      ),
    );
  testyard
    .command('environment')
    .description('what a run ran on: kernel, packages, modules, sysctls, firmware, hardware, stack, commits')
    .argument('<run>', 'r12')
    .option('--part <name>', 'this part alone')
    .action(
      does(async (...args: Parameters<EnvironmentModule['environment']>) =>
        (await import('../environment.js')).environment(...args),
      ),
    );
  testyard
    .command('diff')
    .description('in what the environments of two runs differ; folders of `testyard run --results` as well')
    .argument('<before>', 'r12, or the folder of a run')
    .argument('<after>')
    .action(
      does(async (...args: Parameters<EnvironmentModule['diff']>) =>
        (await import('../environment.js')).diff(...args),
      ),
    );
  testyard
    .command('changed')
    .description("in what a test's newest run differs from its last pass before it")
    .argument('<test>')
    .option('--project <name>', 'whose test it is')
    .action(
      does(async (...args: Parameters<EnvironmentModule['changed']>) =>
        (await import('../environment.js')).changed(...args),
      ),
    );
  testyard
    .command('suggest')
    .description('what a test should require, by what it was seen to lack: YAML that is ready to be pasted')
    .argument('<what>', 'a run (r12); with --results a test')
    .option('--results <dir>', 'of the results that `testyard run --results` wrote there')
    .action(
      does(async (...args: Parameters<SuggestModule['suggest']>) =>
        (await import('../suggest.js')).suggest(...args),
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
      does(async (...args: Parameters<KnownModule['known']>) => (await import('../known.js')).known(...args)),
    );
}

type MorningModule = typeof import('../morning.js');
type EnvironmentModule = typeof import('../environment.js');
type SuggestModule = typeof import('../suggest.js');
type ReportModule = typeof import('../report.js');
type KnownModule = typeof import('../known.js');
