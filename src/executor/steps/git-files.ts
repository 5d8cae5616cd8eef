import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GitSource } from '../../domain/step-action.js';
import type { Place } from '../place.js';
import type { Told } from './host-work.js';

/** The files of one commit in an archive here; let go when they have been brought. */
export interface GitFiles {
  readonly commit: string;
  readonly file: string;
  readonly bytes: number;
  readonly letGo: () => Promise<void>;
}

/** Fetches a commit to this machine, from what is kept where it is there already. */
export async function fetchFiles(place: Place, git: GitSource, timeoutMs: number): Promise<GitFiles | Told> {
  const { source, keepDir } = place.hands;
  if (source === undefined || keepDir === undefined) return { why: 'this executor fetches nothing from git' };
  const signal = AbortSignal.any([place.stop, AbortSignal.timeout(timeoutMs)]);
  const resource = git.from === undefined ? {} : { resource: git.from };
  const told = ({ trouble, message }: { trouble: string; message: string }): Told =>
    trouble === 'unreachable' || trouble === 'slow' ? { why: message, ...resource } : { why: message };
  const resolved = await source.resolve(git.url, git.ref, signal);
  if ('trouble' in resolved) return told(resolved);
  const { commit } = resolved;
  const folder = await mkdtemp(join(await keepDir(), 'fetched-'));
  const letGo = () => rm(folder, { recursive: true, force: true });
  const file = join(folder, 'files.tar.gz');
  try {
    const keep = async (archive: AsyncIterable<Uint8Array>) => {
      await pipeline(Readable.from(archive), createWriteStream(file));
    };
    const packed = await source.pack(
      { url: git.url, commit, repositories: [], submodules: git.submodules },
      keep,
      signal,
    );
    if ('trouble' in packed) {
      await letGo();
      return told(packed);
    }
    for (const note of packed.notes) place.print(Buffer.from(`[testyard: ${note}]\n`));
    return { commit, file, bytes: (await stat(file)).size, letGo };
  } catch (error) {
    await letGo();
    throw error;
  }
}
