import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import { spanS } from './option.js';

/** Commands that take hosts out or keep them. */
export function addHosts(testyard: Command, does: Does): void {
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
          (await import('../take-out.js')).takeOut(s, way, host, o),
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
        (await import('../reserve.js')).reserve(...args),
      ),
    );
}

type ReserveModule = typeof import('../reserve.js');
