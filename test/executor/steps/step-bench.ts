import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CommandImages } from '../../../src/adapters/command-images.js';
import { Git } from '../../../src/adapters/git.js';
import { ImageStore } from '../../../src/adapters/image-store.js';
import { ProcessCommands } from '../../../src/adapters/process-commands.js';
import { SshShell } from '../../../src/adapters/ssh.js';
import { LAYERS } from '../../../src/domain/layer.js';
import type { Outcome } from '../../../src/domain/outcome.js';
import { Executor } from '../../../src/executor/executor.js';
import { undoText } from '../../../src/executor/steps/undo-text.js';
import type { Restore } from '../../../src/ports/images.js';
import type { Transport } from '../../../src/ports/shell.js';
import type { Assignment, ChainStep } from '../../../src/protocol/messages.js';
import { assignmentOf, FakeGrid, type Heard } from '../fake-grid.js';

/** Where steps are carried out. */
export interface BenchHost {
  readonly name: string;
  readonly transport: Transport;
  readonly restore?: Restore;
}

/** A step, as a plan would have it. */
export function aStep(name: string, action: ChainStep['action'], more: Partial<ChainStep> = {}): ChainStep {
  return {
    ...{ name, layer: 'use', needs: '', gives: [], action, undo: { own: true } },
    ...{ timeoutMs: 300_000, costS: 1, key: name },
    ...more,
  };
}

/** What came of a chain, after which a test has nothing to do. */
export interface Ran {
  readonly outcome: Outcome;
  /** All that was printed. */
  readonly text: string;
  readonly dirtied: string | undefined;
}

/** An executor with all that steps need. */
export class StepBench {
  readonly grid = new FakeGrid();
  private readonly executor: Executor;

  private constructor(readonly folder: string) {
    const here = new ProcessCommands();
    this.executor = new Executor({
      link: this.grid,
      shell: new SshShell(),
      images: new CommandImages(new ImageStore(path.join(folder, 'images'), here), here),
      ...{ here, source: new Git(path.join(folder, 'git')), keepDir: path.join(folder, 'kept') },
      ...{
        name: 'bench',
        capacity: 4,
        limits: { retryMs: 200, reconnectMs: 60_000, connectMs: 60_000, answerMs: 60_000 },
      },
    });
  }

  static async start(): Promise<StepBench> {
    const bench = new StepBench(await mkdtemp(path.join(tmpdir(), 'testyard-steps-')));
    await bench.executor.start();
    return bench;
  }

  /** Begins a chain on a host. */
  begin(
    host: BenchHost,
    chain: readonly ChainStep[],
    more: Partial<Assignment> = {},
  ): { readonly heard: Heard; readonly attempt: string } {
    const { name, transport, restore } = host;
    const here = {
      ...{ id: name.replace(/\D/g, '').slice(-9) || '1', name, transport, expendable: LAYERS },
      ...(restore === undefined ? {} : { restore }),
    };
    const assignment = { ...assignmentOf('true', here, {}, { chain }), ...more };
    return { heard: this.grid.give(assignment), attempt: assignment.attempt };
  }

  async run(host: BenchHost, chain: readonly ChainStep[], more: Partial<Assignment> = {}): Promise<Ran> {
    const { heard } = this.begin(host, chain, more);
    const { end } = await heard.ended;
    return { outcome: end.outcome, text: heard.output.toString(), dirtied: end.dirtied };
  }

  /** Takes a step back, as its executor would where it fails. */
  async undo(host: BenchHost, step: ChainStep): Promise<Ran> {
    const script = undoText(step);
    if (script === undefined) throw new Error(`'${step.name}' has no undo`);
    const none = { none: 'it is one itself' };
    return await this.run(host, [aStep(`undo-${step.name}`, { kind: 'script', script }, { undo: none })]);
  }

  async stop(): Promise<void> {
    await this.executor.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
