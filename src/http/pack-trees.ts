import { LARGEST_HANDLER_BYTES } from '../domain/handler.js';
import type { LavaRepository, TestTree } from '../domain/lava/definition.js';
import { isAllowed, type TestSource } from '../domain/submit/source.js';
import type { TestSpec } from '../domain/test.js';
import type { Blobs } from '../ports/blobs.js';
import type { PackedSource, Source, SourceTrouble } from '../ports/source.js';
import { noteUpload } from '../store/blob.js';
import { readSources } from '../store/grid.js';
import type { Sql } from '../store/store.js';

/** Whoever submits waits so long for all that is to be packed. */
const PATIENCE_MS = 60_000;

/** Puts what goes along with tests of repositories into blobs: of each commit once in a submission. */
export class TreePacking {
  private readonly packed = new Map<string, Promise<PackedSource<TestTree> | SourceTrouble>>();
  private readonly signal = AbortSignal.timeout(PATIENCE_MS);

  constructor(
    private readonly sql: Sql,
    private readonly source: Source,
    private readonly blobs: Blobs,
  ) {}

  /** A definition with all of the commit that it is of; or why that cannot be had. */
  async along(spec: TestSpec, source: TestSource): Promise<TestSpec | { readonly problem: string }> {
    const { lava } = spec;
    if (lava === undefined) return spec;
    const wanted = lava.repositories ?? [];
    const allowed = wanted.length === 0 ? [] : await readSources(this.sql);
    const foreign = wanted.find(({ url }) => !isAllowed(url, allowed));
    if (foreign !== undefined)
      return {
        problem: `'install.git-repos': this grid takes nothing from ${foreign.url}: an admin allows it in grid.yaml, below 'sources'`,
      };
    const packed = await this.pack(source, wanted);
    if ('trouble' in packed) return { problem: packed.message };
    const { kept, repositories } = packed;
    const folder = source.path.includes('/') ? source.path.slice(0, source.path.lastIndexOf('/')) : '';
    return { ...spec, lava: withRepositories({ ...lava, folder }, repositories), tree: kept };
  }

  /** Programs that lie beside a test in its repository, in base64 by their names; or why one cannot be had. */
  async programs(
    { url, commit, path }: TestSource,
    names: readonly string[],
  ): Promise<{ readonly programs: Readonly<Record<string, string>> } | { readonly problem: string }> {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const programs: Record<string, string> = {};
    for (const name of names) {
      const at = `${folder}${name}`;
      const found = await this.source.fileAt(url, commit, at, LARGEST_HANDLER_BYTES, this.signal);
      if ('trouble' in found) return { problem: `'./${name}' in 'handlers': ${found.message}` };
      programs[name] = Buffer.from(found.bytes).toString('base64');
    }
    return { programs };
  }

  private pack({ url, commit }: TestSource, repositories: readonly LavaRepository[]) {
    const key = JSON.stringify([url, commit, repositories]);
    const known = this.packed.get(key) ?? this.put({ url, commit, repositories });
    this.packed.set(key, known);
    return known;
  }

  private async put(wanted: Parameters<Source['pack']>[0]) {
    const keep = async (archive: AsyncIterable<Uint8Array>): Promise<TestTree> => {
      const stored = await this.blobs.put(archive);
      await noteUpload(this.sql, stored);
      return { blob: stored.digest, bytes: stored.bytes };
    };
    return await this.source.pack(wanted, keep, this.signal);
  }
}

/** A definition with what was fetched for it; none is as none was said. */
export function withRepositories<Of extends { readonly repositories?: readonly LavaRepository[] }>(
  lava: Of,
  repositories: readonly LavaRepository[],
): Of {
  return repositories.length === 0 ? lava : { ...lava, repositories };
}
