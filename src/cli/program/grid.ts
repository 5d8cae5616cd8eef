import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import { gatherPairs, spanS } from './option.js';

/** Commands of who runs the grid. */
export function addGrid(testyard: Command, does: Does): void {
  testyard
    .command('halt')
    .description('the grid starts nothing more')
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--kill', 'stop what runs; it is run again after the resume')
    .action(
      does(async (...args: Parameters<HaltModule['halt']>) => (await import('../halt.js')).halt(...args)),
    );
  testyard
    .command('resume')
    .description('take a halt back')
    .option('--why <text>', 'the reason, for others to read', 'resumed')
    .action(
      does(async (s: Setting, { why }: { why: string }) => (await import('../resume.js')).resume(s, why)),
    );

  const inventory = testyard.command('inventory').description('the files that describe the lab');
  inventory
    .command('check')
    .description('what is wrong with a folder, without any grid')
    .argument('[dir]', 'the folder', '.')
    .action(
      does(async (s: Setting, dir: string) => (await import('../inventory.js')).checkInventory(s, dir)),
    );
  inventory
    .command('diff')
    .description('what applying a folder would change')
    .argument('[dir]', 'the folder', '.')
    .action(does(async (s: Setting, dir: string) => (await import('../inventory.js')).diffInventory(s, dir)));
  inventory
    .command('apply')
    .description('make the grid what a folder says, all or nothing')
    .argument('[dir]', 'the folder', '.')
    .option('--drain', 'hosts that are no longer in it finish what they have, and then go')
    .action(
      does(async (s: Setting, dir: string, o: { drain?: boolean }) =>
        (await import('../inventory.js')).applyInventory(s, dir, o),
      ),
    );

  const token = testyard.command('token').description('who may do what');
  token
    .command('create')
    .description('make a token and print its secret, this once')
    .argument('<name>', 'whose it is')
    .option('--executor', 'for an executor')
    .option('--admin', 'a grid admin: may do everything')
    .option(
      '--role <project=role>',
      'viewer, submitter or developer of a project; repeat for more',
      gatherPairs,
    )
    .option('--expires <time>', 'for example 12h or 90d', spanS)
    .action(
      does(
        async (
          s: Setting,
          name: string,
          o: { executor?: boolean; admin?: boolean; role?: Record<string, string>; expires?: number },
        ) => (await import('../token.js')).createToken(s, name, { ...o, expiresInS: o.expires }),
      ),
    );
  token
    .command('list')
    .description('all tokens; never their secrets')
    .action(does(async (s: Setting) => (await import('../token.js')).listTokens(s)));
  token
    .command('revoke')
    .description('end a token for ever')
    .argument('<id>')
    .action(does(async (s: Setting, id: string) => (await import('../token.js')).revokeToken(s, id)));
}

type HaltModule = typeof import('../halt.js');
