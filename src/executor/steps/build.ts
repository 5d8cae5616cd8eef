import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../domain/digest.js';
import type { BuildAction } from '../../domain/step-action.js';
import type { ChainStep } from '../../protocol/messages.js';
import type { BundledFile } from '../bundle.js';
import type { Place } from '../place.js';
import { type BroughtWork, folderWork } from './fetch.js';
import { fetchFiles, type GitFiles } from './git-files.js';
import { recordOf, type Told } from './host-work.js';
import { keptBuild } from './kept-builds.js';
import { environmentOf } from './script.js';

/** What tells two machines apart on which the same recipe could make something else. */
const GROUND = `{ uname -m; cat /etc/os-release
  dpkg-query -W 2>/dev/null || rpm -qa 2>/dev/null | sort || apk info -v 2>/dev/null; } | cksum`;

/** What was built is kept on this machine, by all that it was made of. */
export interface BuildWork extends BroughtWork {
  /** Takes what the host has built back here for the next one that asks; undefined: it was not built there. */
  readonly keepBuilt?: () => Promise<void>;
}

/** Builds a commit on the host or here, unless the very same was built before, and puts it into its place. */
export async function buildWork(
  place: Place,
  step: ChainStep,
  action: BuildAction,
): Promise<BuildWork | Told> {
  const fetched = await fetchFiles(place, action.git, step.timeoutMs);
  if ('why' in fetched) return fetched;
  const { letGo } = fetched;
  try {
    const work = await builtOr(place, step, action, fetched);
    // What the host is to build is on its way there still.
    if ('why' in work || work.keepBuilt === undefined) await letGo();
    return work;
  } catch (error) {
    await letGo();
    throw error;
  }
}

async function builtOr(
  place: Place,
  step: ChainStep,
  action: BuildAction,
  fetched: GitFiles,
): Promise<BuildWork | Told> {
  const { keepDir } = place.hands;
  if (keepDir === undefined) return { why: 'this executor builds nothing' };
  const { recipe, git, on } = action;
  const ground = on === 'grid' ? await groundHere(place) : await groundThere(place);
  const { commit } = fetched;
  const key = digestOf({ commit, submodules: git.submodules, recipe, ground, under: step.key });
  const { file: kept, isThere } = await keptBuild(await keepDir(), key);
  place.print(Buffer.from(`[testyard: ${git.url} at ${commit}${isThere ? ', built before' : ''}]\n`));
  if (!isThere && on === 'host') return buildThere(place, step, action, fetched, kept);
  const why = isThere ? undefined : await buildHere(place, step, action, fetched, kept);
  return why ?? { ...(await putBuilt(step, action, kept)), letGo: async () => {} };
}

async function putBuilt(step: ChainStep, { into }: BuildAction, kept: string) {
  const built: BundledFile = {
    ...{ name: 'built.tar.gz', variable: 'TESTYARD_FILES', file: kept },
    bytes: (await stat(kept)).size,
  };
  return {
    ...folderWork(step.name, into, 'gzip -dc <"$TESTYARD_FILES" | tar -xof - -C "$new"'),
    files: [built],
  };
}

/** The host builds it, leaves an archive of it for us, and keeps it. */
function buildThere(
  place: Place,
  step: ChainStep,
  { recipe, into }: BuildAction,
  { file, bytes, letGo }: GitFiles,
  kept: string,
): BuildWork {
  const archive = `${recordOf(step.name)}/built.tar.gz`;
  const fill = `src=$PWD/source OUT=$new
mkdir "$src"
gzip -dc <"$TESTYARD_FILES" | tar -xof - -C "$src"
export OUT
( cd "$src" && /bin/sh -eu <<'THE END OF THE RECIPE'
${recipe}
THE END OF THE RECIPE
)
tar -cf - -C "$OUT" . | gzip -1 >"$record/built.tar.gz"`;
  return {
    ...folderWork(step.name, into, fill),
    files: [{ name: 'files.tar.gz', variable: 'TESTYARD_FILES', file, bytes }],
    letGo,
    keepBuilt: async () => {
      const part = `${kept}.part-${place.assignment.attempt}`;
      // Without it the next host builds it again.
      if (await place.read(archive, part).catch(() => false)) await rename(part, kept);
      else await rm(part, { force: true });
    },
  };
}

/** This machine builds it, which the inventory must allow. */
async function buildHere(
  place: Place,
  step: ChainStep,
  { recipe }: BuildAction,
  fetched: GitFiles,
  kept: string,
): Promise<Told | undefined> {
  const { here } = place.hands;
  if (here === undefined) return { why: 'nothing is built on this machine itself' };
  const folder = await mkdtemp(`${kept}.work-`);
  const part = join(folder, 'built.tar.gz');
  const text = `mkdir source out
gzip -dc <"$TESTYARD_FILES" | tar -xof - -C source
OUT=$PWD/out
export OUT
( cd source && /bin/sh -eu <<'THE END OF THE RECIPE'
${recipe}
THE END OF THE RECIPE
)
tar -cf - -C "$OUT" . | gzip -1 >built.tar.gz`;
  try {
    const end = await here.run({
      command: ['/bin/sh', '-e', '-u', '-c', text],
      environment: { ...environmentOf(place, step), TESTYARD_FILES: fetched.file },
      cwd: folder,
      timeoutMs: step.timeoutMs,
      stop: place.stop,
      onOutput: (bytes) => place.print(bytes),
    });
    place.checkStop();
    if (end.kind !== 'exited' || end.code !== 0)
      return { why: `the build ${end.words}: ${place.takeLastLines()}` };
    await rename(part, kept);
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function groundHere(place: Place): Promise<string> {
  const hash = createHash('sha256');
  await place.hands.here?.run({
    command: ['/bin/sh', '-c', GROUND],
    environment: {},
    timeoutMs: 60_000,
    stop: place.stop,
    onOutput: (bytes) => hash.update(bytes),
  });
  return hash.digest('hex');
}

async function groundThere(place: Place): Promise<string> {
  const session = await place.session('step', { test: Buffer.alloc(0), probes: [], environment: {} });
  const lines = await session.ask(GROUND);
  await session.end();
  // What cannot be told is like nothing else.
  return lines?.join('\n') ?? place.assignment.attempt;
}
