import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import { gather } from './option.js';

const INVENTORY = 'ask the files of this folder instead of a grid: no server, no database';

/** Commands that say why, and what goes together. */
export function addExplaining(testyard: Command, does: Does): void {
  testyard
    .command('explain')
    .description('why a run waits or can never run, or which hosts could serve a requirement or a test')
    .argument('<what>', 'a run (r12), a test file, the name of a test, or a requirement in quotes')
    .option('--inventory <dir>', INVENTORY)
    .option('--host <name>', 'as if it were to run on this host')
    .option('--host-type <name>', 'as if it were to run on a host of this type')
    .option('--project <name>', 'whose it is')
    .addHelpText(
      'after',
      `
Exit: 0 it starts, or waits for its turn only; 2 wrong usage; 3 nothing serves it as things are.

  testyard explain r123
  testyard explain 'kernel >= 6.1 & memory >= 16GiB'
  testyard explain mytest.sh --inventory ./lab`,
    )
    .action(
      does(async (...args: Parameters<ExplainModule['explain']>) =>
        (await import('../explain.js')).explain(...args),
      ),
    );
  testyard
    .command('compatible')
    .description('which tests can run on a host, a host type or the grid, or which hosts could serve a test')
    .argument('[host]')
    .option('--type <name>', 'the hosts of this type')
    .option('--grid', 'all hosts')
    .option('--test <what>', 'the hosts for it: a test file, the name of a test, or a requirement in quotes')
    .option('--inventory <dir>', INVENTORY)
    .option('--project <name>', 'only its tests; with --test, whose it is')
    .addHelpText(
      'after',
      `
Exit: 0; with --test 3 where no host could serve it; 2 wrong usage.

  testyard compatible board7
  testyard compatible --type r420 --inventory ./lab
  testyard compatible --test mytest.sh`,
    )
    .action(
      does(async (...args: Parameters<CompatibleModule['compatible']>) =>
        (await import('../compatible.js')).compatible(...args),
      ),
    );
  testyard
    .command('tags')
    .description('tags and aliases: what they mean, who provides them, who needs them')
    .argument('[name]', 'one of them, with all that there is to say')
    .option('--all', 'also those that nothing here needs')
    .option('--inventory <dir>', INVENTORY)
    .addHelpText('after', `\n  testyard tags\n  testyard tags kernel\n  testyard tags --inventory ./lab`)
    .action(
      does(async (...args: Parameters<TagsModule['tags']>) => (await import('../tags.js')).tags(...args)),
    );
  testyard
    .command('tests')
    .description(
      'the tests that are known: what they need, how they last ended, how many hosts could serve them',
    )
    .argument('[folder]', 'the test files of a folder, without any grid')
    .option('--label <label>', 'only those that have it; repeat for all of several', gather)
    .option('--inventory <dir>', INVENTORY)
    .option('--project <name>', 'only its tests')
    .addHelpText(
      'after',
      `\n  testyard tests --label net\n  testyard tests --inventory ./lab\n  testyard tests ./mytests`,
    )
    .action(
      does(async (...args: Parameters<TestsModule['tests']>) => (await import('../tests.js')).tests(...args)),
    );
  testyard
    .command('completion')
    .description('a script that completes commands, options and names in your shell')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      `
  bash: echo 'source <(testyard completion bash)' >> ~/.bashrc
  zsh:  echo 'source <(testyard completion zsh)' >> ~/.zshrc
  fish: testyard completion fish > ~/.config/fish/completions/testyard.fish`,
    )
    .action(
      does(async (s: Setting, shell: string) => (await import('../completion.js')).completion(s, shell)),
    );
  testyard
    .command('complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(
      does(async (s: Setting, words: readonly string[]) =>
        (await import('../completion.js')).complete(s, testyard, words),
      ),
    );
}

type ExplainModule = typeof import('../explain.js');
type CompatibleModule = typeof import('../compatible.js');
type TagsModule = typeof import('../tags.js');
type TestsModule = typeof import('../tests.js');
