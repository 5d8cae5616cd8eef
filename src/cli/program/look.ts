import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import { integer } from './option.js';

/** Commands that show how things stand. */
export function addLooking(testyard: Command, does: Does): void {
  testyard
    .command('status')
    .description('how the grid is')
    .action(does(async (s: Setting) => (await import('../status.js')).status(s)));
  testyard
    .command('hosts')
    .description('all hosts, or one with all that is known of it')
    .argument('[host]')
    .action(does(async (s: Setting, name?: string) => (await import('../hosts.js')).hosts(s, name)));
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
      does(async (...args: Parameters<RunsModule['runs']>) => (await import('../runs.js')).runs(...args)),
    );
  testyard
    .command('show')
    .description('a run (r12), submission (s3), host (h1), incident (i4), search (q5) or change (c6)')
    .argument('<id>')
    .action(does(async (s: Setting, id: string) => (await import('../show.js')).show(s, id)));
  testyard
    .command('logs')
    .description('what a run printed')
    .argument('<run>')
    .option('-f, --follow', 'go on until the run is done or held')
    .option('--attempt <id>', 'of this attempt (its number or id), not the last')
    .action(
      does(async (...args: Parameters<LogsModule['logs']>) => (await import('../logs.js')).logs(...args)),
    );
  testyard
    .command('attachments')
    .description('files that a run, or a handler, left')
    .argument('<run>')
    .option('--to <folder>', 'put them into this folder')
    .action(
      does(async (...args: Parameters<AttachmentsModule['attachments']>) =>
        (await import('../attachments.js')).attachments(...args),
      ),
    );
}

type AttachmentsModule = typeof import('../attachments.js');
type RunsModule = typeof import('../runs.js');
type LogsModule = typeof import('../logs.js');
