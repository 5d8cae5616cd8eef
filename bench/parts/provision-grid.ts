import type { Fate, Piece } from '../sim/fate.js';
import { SimGrid } from '../sim/grid.js';
import type { Carried } from './provision-baselines.js';
import { inventoryFor, neededBy, type TracedRun, testOf } from './provision-trace.js';

/** The hosts are looked at for the first time before anything is submitted. */
const LOOKS_S = 60;
/** Nobody dies here: leases are renewed seldom. */
const TICK_S = 120;

/** A grid in simulated time that carries out traced runs, and sees to it that each has what it asked for. */
export class TracedGrid {
  /** Tests that started on something else than they had asked for, or above something that a test had changed. */
  wrongEnvironments = 0;
  private startedS = new Map<number, number>();
  private endedS = new Map<number, number>();

  private constructor(
    private readonly runs: ReadonlyMap<number, TracedRun>,
    private readonly fate: Fate = (piece) => this.turn(piece),
  ) {}

  private grid: SimGrid | undefined;

  static async open(url: string, runs: readonly TracedRun[], hosts: number): Promise<TracedGrid> {
    const traced = new TracedGrid(new Map(runs.map((run) => [run.number, run])));
    traced.grid = await SimGrid.open({
      url,
      inventory: inventoryFor(runs, hosts),
      fate: traced.fate,
      tickS: TICK_S,
    });
    await traced.sim.run({ untilS: LOOKS_S });
    return traced;
  }

  get sim(): SimGrid {
    if (this.grid === undefined) throw new Error('the grid is open');
    return this.grid;
  }

  /** Carries out these runs, submitted when they say, counted from now; on a host each where that is named. */
  async carryOut(
    runs: readonly TracedRun[],
    hostOf: (run: TracedRun) => string | undefined = () => undefined,
  ): Promise<Carried> {
    const fromS = this.sim.nowS;
    for (const run of runs) {
      const host = hostOf(run);
      const variant = { RUN: String(run.number) };
      this.sim.submit(fromS + run.atS, {
        test: testOf(run),
        variant,
        ...(host === undefined ? {} : { host }),
      });
    }
    await this.sim.run({ untilDone: true });
    const [row] = await this.sim.store.rows<{ s: number }>(
      `SELECT coalesce(sum(s.duration_ms), 0) / 1000 AS s FROM step_run s JOIN run r ON r.id = s.run_id
       WHERE s.kind = 'chain' AND (r.variant->>'RUN')::integer = ANY($1)`,
      [runs.map(({ number }) => number)],
    );
    const lastS = Math.max(...runs.map(({ number }) => this.endedS.get(number) ?? Number.NaN));
    return {
      provisioningS: Number(row?.s),
      makespanS: lastS - fromS - (runs[0]?.atS ?? 0),
      waitsS: runs.map(({ number, atS }) => (this.startedS.get(number) ?? Number.NaN) - fromS - atS),
    };
  }

  /** Runs that did not pass at their first attempt: something went wrong there that nobody injected. */
  async notAtFirst(runs: readonly TracedRun[]): Promise<number> {
    const [row] = await this.sim.store.rows<{ n: number }>(
      `SELECT count(*)::integer AS n FROM run
       WHERE (variant->>'RUN')::integer = ANY($1) AND verdict = 'passed' AND attempts = 1`,
      [runs.map(({ number }) => number)],
    );
    return runs.length - (row?.n ?? 0);
  }

  private turn({ what, assignment, host, atS }: Piece) {
    const number = Number(assignment.test.environment['RUN'] ?? Number.NaN);
    const run = this.runs.get(number);
    if (what !== 'test' || run === undefined) return undefined;
    this.startedS.set(number, atS);
    this.endedS.set(number, atS + run.takesS);
    const seen = Object.entries(neededBy(run)).map(([tag, value]) => {
      const sighting = host.sees(tag);
      return sighting.presence === 'present' && sighting.instances[0]?.raw === value;
    });
    if (seen.includes(false) || host.spoiltLayers.some((layer) => layer !== 'use'))
      this.wrongEnvironments += 1;
    return { takesS: run.takesS };
  }
}
