import { readHandlerList } from '../adapters/handler-list.js';
import { LocalShell } from '../adapters/local.js';
import { ProcessHandlers } from '../adapters/process-handlers.js';
import { Executor } from '../executor/executor.js';
import { Images, type RestoreResult } from '../ports/images.js';
import type { Shell } from '../ports/shell.js';
import type { LocalLink } from './local-link.js';

/** Output is shown as it comes; a moment is enough to gather what was printed together. */
const WAITS = { gatherMs: 20, farewellMs: 1000 } as const;

/** Nothing is ever put back on the machine of whoever types `testyard run`, nor on a host that it is pointed at. */
class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: false, kind: 'failed', message: 'this machine is not restored' };
  }
}

/**
 * Carries out the one assignment of a link in this process, on this machine with `masked` folders out of its sight or
 * over ssh; resolves when its end was heard.
 */
export async function executeHere(link: LocalLink, masked: readonly string[]): Promise<void> {
  const executor = new Executor({
    link,
    shell: await shellOf(link, masked),
    images: new NoImages(),
    handlers: new ProcessHandlers(readHandlerList(process.env['TESTYARD_HANDLERS'])),
    name: 'local',
    capacity: 1,
    waits: WAITS,
  });
  await executor.start();
  await link.ended;
  link.close();
  await executor.stop();
}

async function shellOf(link: LocalLink, masked: readonly string[]): Promise<Shell> {
  if (link.transport === 'local') return new LocalShell({ masked });
  const { SshShell } = await import('../adapters/ssh.js');
  return new SshShell();
}
