import { costBetween, type State, type TracedRun } from './provision-trace.js';

/** What came of a trace: seconds of hosts' time for provisioning, and of people's. */
export interface Carried {
  readonly provisioningS: number;
  /** From the first submission to the end of the last test. */
  readonly makespanS: number;
  /** Of each run from its submission to the start of its test. */
  readonly waitsS: readonly number[];
}

interface Board {
  state: State;
  freeAtS: number;
}

/** What it costs to begin a run on a host. */
type Cost = (state: State, run: TracedRun) => number;

/** Every job has its host deployed from the image up, whatever is there. */
export function deployEveryJob(trace: readonly TracedRun[], hosts: number): Carried {
  return carryOut(trace, hosts, (_, run) => costBetween(undefined, run));
}

/**
 * A host is used as it is where its last environment is the very same; else it is deployed. `blind`: what the last
 * test changed there is not looked at (which no honest grid may do).
 */
export function exactLabel(trace: readonly TracedRun[], hosts: number, blind = false): Carried {
  return carryOut(trace, hosts, (state, run) => {
    const isSame = state?.environment === run.environment && state.version === run.version;
    return isSame && (blind || state.dirties === 'use') ? 0 : costBetween(undefined, run);
  });
}

/** In the order in which they came: a run has the free host where it costs least, of several the one that was free first. */
function carryOut(trace: readonly TracedRun[], hosts: number, cost: Cost): Carried {
  const boards = Array.from({ length: hosts }, (): Board => ({ state: undefined, freeAtS: 0 }));
  const waitsS: number[] = [];
  let provisioningS = 0;
  let lastS = 0;
  let nowS = 0;
  for (const run of trace) {
    const firstFreeS = Math.min(...boards.map(({ freeAtS }) => freeAtS));
    nowS = Math.max(nowS, run.atS, firstFreeS);
    const free = boards.filter(({ freeAtS }) => freeAtS <= nowS);
    const [board] = free.sort((a, b) => cost(a.state, run) - cost(b.state, run) || a.freeAtS - b.freeAtS);
    if (board === undefined) throw new Error('a host is free by then');
    const costS = cost(board.state, run);
    provisioningS += costS;
    waitsS.push(nowS + costS - run.atS);
    board.state = run;
    board.freeAtS = nowS + costS + run.takesS;
    lastS = Math.max(lastS, board.freeAtS);
  }
  return { provisioningS, makespanS: lastS - (trace[0]?.atS ?? 0), waitsS };
}
