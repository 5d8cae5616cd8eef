import { randomUUID } from 'node:crypto';
import { catalogueHere, factsHere } from '../../src/cli/local-tags.js';
import type { RunPlace } from '../../src/cli/place.js';
import { type DoneRun, type PlannedRun, RunAttempt } from '../../src/cli/run-attempt.js';
import { seatOf } from '../../src/cli/run-seat.js';
import { planRuns } from '../../src/cli/run-tests.js';
import type { AttemptEnd } from '../../src/domain/outcome.js';
import type { AttemptEvent } from '../../src/protocol/messages.js';
import type { LightHost } from '../../test/lab.js';

/** What came of a definition, with all that was seen on the way. */
export interface Tried {
  readonly done: DoneRun;
  readonly end: AttemptEnd | undefined;
  readonly output: Buffer;
  readonly seconds: number;
}

/** What a trial says beside the file. */
export interface Asked {
  /** The folder that is put beside it on the host. */
  readonly tree?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Reads a test from a file and runs it on a host, as `testyard run FILE --host` does. */
export async function tryFile(file: string, host: LightHost, asked: Asked): Promise<Tried> {
  return await tryAt(file, host.name, host.transport, asked);
}

/** Reads a test from a file and runs it on this machine, as `testyard run FILE` does. */
export async function tryHere(file: string, asked: Asked): Promise<Tried> {
  return await tryAt(file, 'local', { kind: 'local', network: true }, asked);
}

async function tryAt(
  file: string,
  name: string,
  transport: RunPlace['transport'],
  asked: Asked,
): Promise<Tried> {
  const catalogue = await catalogueHere();
  const isLocal = transport.kind === 'local';
  const place: RunPlace = {
    name,
    transport,
    knowledge: async () => ({ catalogue, facts: factsHere(catalogue, isLocal), steps: [], common: '' }),
  };
  const { runs, remove } = await planRuns(
    [file],
    asked.tree === undefined ? {} : { tree: asked.tree },
    place,
  );
  try {
    const [run] = runs;
    if (run === undefined) throw new Error(`${file} comes to no run`);
    return await carryOut(run, place, asked);
  } finally {
    await remove();
  }
}

async function carryOut(run: PlannedRun, place: RunPlace, asked: Asked): Promise<Tried> {
  const { spec } = run;
  const { name, transport } = place;
  const planned = {
    ...run,
    // What a lab's hosts are is not what is tried here: nobody asks whether this one is of a listed type.
    needs: { verify: [] },
    spec: {
      ...spec,
      requirement: '',
      environment: { ...spec.environment, ...asked.environment },
      timeoutMs: asked.timeoutMs,
    },
  };
  const output: Uint8Array[] = [];
  let end: AttemptEnd | undefined;
  const witness = {
    event: (event: AttemptEvent) => {
      if (event.kind === 'ended') end = event.end;
    },
    output: (bytes: Uint8Array) => void output.push(bytes),
  };
  // Several run beside each other in this process, each as a user of its own would.
  const id =
    transport.kind === 'local' ? String(9_100_000_000_000 + process.pid) : seatOf(`${name}-${randomUUID()}`);
  const host = { id, name, transport, expendable: [] };
  const attempt = new RunAttempt(place, planned, [witness], false, host);
  const from = performance.now();
  const done = await attempt.carryOut([]);
  return { done, end, output: Buffer.concat(output), seconds: (performance.now() - from) / 1000 };
}
