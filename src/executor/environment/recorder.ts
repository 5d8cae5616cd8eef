import { createHash } from 'node:crypto';
import type { Environment, SeenPart } from '../../domain/environment/environment.js';
import type { Fingerprint } from '../../domain/host.js';
import type { Session } from '../session.js';
import { FULL_SCRIPT, QUICK_SCRIPT } from './environment-script.js';
import { fullParts, quickParts, sectionsOf } from './read-environment.js';

/** The digest under which the grid keeps each part. */
export type KeptParts = Readonly<Partial<Record<SeenPart, string>>>;

/** What was seen in full of a host, and how it looked then. */
interface Remembered {
  readonly looks: string;
  readonly parts: Environment;
}

/** Digests remembered of what is kept; past it all is kept anew, which does no harm. */
const MOST_DIGESTS = 20_000;

/**
 * Takes environment records. A full look costs the host a tenth of a second, so what the fingerprint would give away
 * is looked at only when that, or what is plugged in, has changed since the last time here; the rest every time.
 */
export class EnvironmentRecorder {
  private readonly lastOf = new Map<string, Remembered>();
  private readonly kept = new Set<string>();

  /**
   * What the host looks like now, before a test; a part that could not be looked at is left out. `hasChanged`: since its
   * fingerprint was taken something ran there.
   */
  async look(
    session: Pick<Session, 'ask' | 'fingerprint'>,
    host: string,
    hasChanged: boolean,
  ): Promise<Environment> {
    const quick = sectionsOf(await session.ask(QUICK_SCRIPT));
    if (quick === undefined) return {};
    const looks = hasChanged ? undefined : looksOf(session.fingerprint, quick.get('devices') ?? []);
    let last = this.lastOf.get(host);
    if (last === undefined || looks === undefined || last.looks !== looks) {
      const full = sectionsOf(await session.ask(FULL_SCRIPT));
      last = { looks: looks ?? '', parts: full === undefined ? {} : fullParts(full) };
      if (full !== undefined && looks !== undefined) this.lastOf.set(host, last);
    }
    return { ...last.parts, ...quickParts(quick) };
  }

  /** Has every part kept that was not kept before. Rejects where the grid keeps nothing. */
  async keep(environment: Environment, keep: (bytes: Buffer) => Promise<string>): Promise<KeptParts> {
    if (this.kept.size > MOST_DIGESTS) this.kept.clear();
    const kept: [string, string][] = [];
    for (const [part, content] of Object.entries(environment)) {
      const bytes = Buffer.from(JSON.stringify(content));
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (!this.kept.has(digest)) await keep(bytes);
      this.kept.add(digest);
      kept.push([part, digest]);
    }
    return Object.fromEntries(kept);
  }
}

/** Undefined where the host does not say enough of itself to tell whether it has changed. */
function looksOf(fingerprint: Fingerprint | undefined, devices: readonly string[]): string | undefined {
  if (fingerprint === undefined || fingerprint.boot === '' || fingerprint.packages === '') return undefined;
  return JSON.stringify([fingerprint, devices]);
}
