import type { Command } from 'commander';
import type { Does } from './does.js';

/** Commands about what arrives, and what is trusted. */
export function addChanges(testyard: Command, does: Does): void {
  testyard
    .command('watches')
    .description('places where new versions arrive, and why one cannot be read')
    .action(
      does(async (...args: Parameters<ChangesModule['watches']>) =>
        (await import('../changes.js')).watches(...args),
      ),
    );
  testyard
    .command('components')
    .description('what has versions: packages, branches, images, tests; and which of them are trusted')
    .option('--watch <name>', 'those of this watch')
    .option('--project <name>', 'of this project')
    .action(
      does(async (...args: Parameters<ChangesModule['components']>) =>
        (await import('../changes.js')).components(...args),
      ),
    );
  testyard
    .command('changes')
    .description('new versions, the last first')
    .option('--watch <name>', 'those of this watch')
    .option('--component <name>', 'of this component: WATCH/PACKAGE')
    .option(
      '--state <state>',
      'new, testing, in_baseline, blamed, uninstallable, superseded, withdrawn, refused',
    )
    .option('--project <name>', 'of this project')
    .option('--all', 'all of them, not the last 50')
    .action(
      does(async (...args: Parameters<ChangesModule['changes']>) =>
        (await import('../changes.js')).changes(...args),
      ),
    );
  testyard
    .command('baseline')
    .description('the versions that are trusted')
    .option('--at <time>', 'that were trusted then: 2026-01-02, or 2026-01-02T03:04:05Z')
    .option('--watch <name>', 'those of this watch')
    .option('--project <name>', 'of this project')
    .action(
      does(async (...args: Parameters<ChangesModule['baseline']>) =>
        (await import('../changes.js')).baseline(...args),
      ),
    );
  testyard
    .command('push')
    .description('put a candidate before the grid: a package, or a commit of a repository that is watched')
    .argument('<file|commit>')
    .requiredOption('--component <name>', 'of what it is a version: WATCH/PACKAGE, or WATCH of a branch')
    .option('--signature <file>', 'where its signature is; FILE.asc or FILE.sig unless said')
    .option('--project <name>', 'whose component it is')
    .action(
      does(async (...args: Parameters<PushModule['push']>) => (await import('../push.js')).push(...args)),
    );
}

type ChangesModule = typeof import('../changes.js');
type PushModule = typeof import('../push.js');
