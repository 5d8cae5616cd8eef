import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** What was built is kept up to so much; beyond it what nobody asked for longest goes. */
const MOST_BYTES = 10 * 2 ** 30;

/** What was used so lately may be on its way to a host. */
const IN_USE_MS = 3_600_000;

/** The file in which a build is kept or is to be kept, and whether it is there. */
export async function keptBuild(
  keepDir: string,
  key: string,
): Promise<{ readonly file: string; readonly isThere: boolean }> {
  const folder = join(keepDir, 'builds');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${key}.tar.gz`);
  const isThere = (await stat(file).catch(() => undefined)) !== undefined;
  if (isThere) await utimes(file, new Date(), new Date());
  else await tidy(folder);
  return { file, isThere };
}

async function tidy(folder: string): Promise<void> {
  const kept: { file: string; bytes: number; usedMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const about = await stat(join(folder, name)).catch(() => undefined);
    if (about !== undefined)
      kept.push({ file: join(folder, name), bytes: about.size, usedMs: about.mtimeMs });
  }
  let bytes = kept.reduce((sum, one) => sum + one.bytes, 0);
  for (const one of kept.sort((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= MOST_BYTES || one.usedMs > Date.now() - IN_USE_MS) return;
    // A folder or a part is what a start that was killed has left.
    await rm(one.file, { recursive: true, force: true });
    bytes -= one.bytes;
  }
}
