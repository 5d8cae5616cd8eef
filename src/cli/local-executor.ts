import { LocalShell } from '../adapters/local.js';
import { Executor } from '../executor/executor.js';
import { Images, type RestoreResult } from '../ports/images.js';
import type { LocalLink } from './local-link.js';

/** Output is shown as it comes; a moment is enough to gather what was printed together. */
const WAITS = { gatherMs: 20, farewellMs: 1000 } as const;

/** Nothing is ever put back on the machine of whoever types `testyard run`. */
class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: false, kind: 'failed', message: 'this machine is not restored' };
  }
}

/** Carries out the one assignment of a link in this process, with `masked` folders out of its sight; resolves when its end was heard. */
export async function executeLocally(link: LocalLink, masked: readonly string[]): Promise<void> {
  const executor = new Executor({
    link,
    shell: new LocalShell({ masked }),
    images: new NoImages(),
    name: 'local',
    capacity: 1,
    waits: WAITS,
  });
  await executor.start();
  await link.ended;
  link.close();
  await executor.stop();
}
