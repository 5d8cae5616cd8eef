import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { LocalShell } from '../../../src/adapters/local.js';
import { SshShell } from '../../../src/adapters/ssh.js';
import { verdictOf } from '../../../src/domain/judge/said.js';
import type { LavaDefinition } from '../../../src/domain/lava/definition.js';
import type { AttemptEnd } from '../../../src/domain/outcome.js';
import { Executor } from '../../../src/executor/executor.js';
import { Images, type RestoreResult } from '../../../src/ports/images.js';
import { type LightHost, lightHosts } from '../../lab.js';
import { assignmentOf, FakeGrid } from '../fake-grid.js';

class NoImages extends Images {
  async restore(): Promise<RestoreResult> {
    return { ok: true };
  }
}

/** A light host on which definitions are run, watched and judged. */
export class WatchedHost {
  private constructor(
    readonly host: LightHost,
    private readonly executor: Executor,
    private readonly grid: FakeGrid,
    private readonly folder: string,
  ) {}

  static async start(): Promise<WatchedHost> {
    const folder = await mkdtemp(join(tmpdir(), 'testyard-watched-'));
    const host = (await lightHosts(1))[0] as LightHost;
    const grid = new FakeGrid();
    const limits = {
      ...{ answerMs: 8000, reconnectMs: 1500, connectMs: 5000, retryMs: 20, probeMs: 30_000, askMs: 30_000 },
      beginMs: 20_000,
    };
    const ssh = new SshShell();
    const local = new LocalShell({ masked: [] });
    const executor = new Executor({
      ...{ link: grid, images: new NoImages(), name: 'x', capacity: 8, limits },
      shell: (kind) => (kind === 'ssh' ? ssh : local),
    });
    await executor.start();
    return new WatchedHost(host, executor, grid, folder);
  }

  async stop(): Promise<void> {
    await this.executor.stop();
    await this.host.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs a definition with these files beside it; what was told of it, and what that comes to. */
  async run(
    says: Partial<LavaDefinition>,
    files: Readonly<Record<string, string>> = {},
    more: Parameters<typeof assignmentOf>[2] = {},
  ) {
    const lava = { name: 'a test', params: {}, deps: [], installSteps: [], steps: [], folder: '', ...says };
    const tree = await this.tree(files);
    const host = {
      ...{ id: `1${process.pid}`, name: this.host.name, expendable: [] },
      transport: this.host.transport,
    };
    const heard = this.grid.give(assignmentOf('metadata: ...', host, { lava, tree, ...more }));
    const { end } = (await heard.ended) as { end: AttemptEnd };
    const cases = heard.events.flatMap((event) => (event.kind === 'case' ? [event] : []));
    const { outcome } = end;
    const spec = { cases: [], timeoutMs: 60_000, underTest: [], lava };
    const verdict = verdictOf(outcome, end, { spec, cases });
    const observed = 'observed' in outcome ? (outcome.observed ?? []) : [];
    const said = verdict?.verdict === 'none' ? verdict.noVerdict : (verdict?.verdict ?? outcome.kind);
    const text = heard.output.toString();
    return { outcome, cases, text, observed, verdict: `${said}: ${verdict?.reason ?? ''}` };
  }

  private async tree(files: Readonly<Record<string, string>>) {
    const root = await mkdtemp(join(this.folder, 'tree-'));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text, { mode: 0o755 });
    }
    const bytes = execFileSync('tar', ['--mtime=2020-01-01', '-czf', '-', '-C', root, '.']);
    const blob = createHash('sha256').update(bytes).digest('hex');
    this.grid.blobs.set(blob, () => Readable.from([bytes], { objectMode: false }));
    return { blob, bytes: bytes.length };
  }
}
