import { inspect } from 'node:util';
import { type Fault, KINDS } from './faults/fault.js';
import { figuresOf } from './faults/figures.js';
import { isFailing, lab } from './faults/lab.js';
import { asked, dice, report } from './parts/report.js';
import { startSimDatabase } from './sim/database.js';
import type { Piece, Turn } from './sim/fate.js';
import { SimGrid } from './sim/grid.js';

/**
 * Faults of twenty kinds, each known to whoever injects it, in a grid whose hosts are made up and whose scheduler, stages
 * and database are the real ones, in set time. Some tests truly fail. What the grid made of it is held against the truth:
 * whose failure it said it was, who was told, what it did to hosts, and what became of the runs. `mixed`: several
 * faults at once, of any kinds.
 */
const options = asked({
  faults: 100,
  pools: 3,
  hosts: 4,
  tests: 30,
  failing: 0.2,
  load: 0.25,
  mixed: 0,
  only: -1,
  show: 0,
  every: 0,
  kinds: 0,
});
const roll = dice(options.seed);
const size = {
  pools: options.pools,
  hostsPerPool: options.hosts,
  tests: options.tests,
  failing: options.failing,
};
const inventory = lab(size, roll);
const SPACING_S = options.mixed > 0 ? 600 : 1200;
const WARM_UP_S = 600;
/** After so long a fault is over, and what came of it is known. */
const SETTLED_S = 3600;
/** What no run meets in this time goes away unseen. */
const UNMET_S = 450;
/** What a run has met stays until somebody mends it: nobody does so within seconds. */
const lastsS = () => 480 + 180 * roll();
/** A test takes a minute or two; every other second as long as it lasts is the chain's. */
const testS = (n: number) => 40 + ((n * 37) % 100);
const RUN_S = 120;

const names = Object.keys(KINDS);
/** Each kind as often; mixed, in another order each time, so that it is not always the same ones that last at once. */
const order = Array.from({ length: Math.ceil(options.faults / names.length) }, () =>
  options.mixed > 0 ? shuffled(names) : names,
).flat();
const faults = Array.from({ length: options.faults }, (_, id): Fault => {
  const kind = (options.only >= 0 ? names[options.only] : order[id]) ?? '';
  const make = KINDS[kind];
  if (make === undefined) throw new Error(`no kind ${kind}`);
  const fromS = WARM_UP_S + id * SPACING_S + (options.mixed > 0 ? 300 * roll() : 0);
  const untilS = fromS + UNMET_S;
  return { id, kind, fromS, untilS, ...make({ inventory, id, fromS, untilS, roll }) };
});
const lasts = faults.map(lastsS);
let mended = 0;
let tests = inventory.tests;
const untilS = WARM_UP_S + options.faults * SPACING_S;

/** Which faults struck which attempts: from their runs' point of view they are lost to them. */
const struck = new Map<string, Set<number>>();
const met = new Set<number>();
const truth = { faults, struck, inventory, isRed, allKinds: options.kinds > 0 };
const chance = dice(options.seed + 1);
const database = await startSimDatabase();
const grid = await SimGrid.open({ url: database.url, inventory, fate });
let atS = 0;
while (atS < untilS) {
  atS += (-Math.log(1 - roll()) * RUN_S) / (options.load * inventory.hosts.length);
  grid.submit(atS, { test: `test-${Math.floor(roll() * options.tests)}` });
}
for (const fault of faults.filter(({ kind }) => kind === 'executor dies')) {
  grid.at(fault.fromS, () => grid.executor().die());
  grid.at(fault.fromS + 60, () => grid.executor().start());
}
if (options.show > 1)
  for (let s = 600; s < untilS; s += 600)
    grid.at(s, () => console.error(s, grid.nowS, ((performance.now() - began) / 1000).toFixed(1)));
if (options.every > 0)
  for (let n = options.every; n < options.faults; n += options.every)
    grid.at(WARM_UP_S + n * SPACING_S, () => soFar(WARM_UP_S + n * SPACING_S - SETTLED_S));
const began = performance.now();
await grid.run({ untilS: untilS + 4 * 3600, untilDone: true });
const wallS = (performance.now() - began) / 1000;

const campaign = { store: grid.store, ...truth };
const { figures, notes } = await figuresOf({ ...campaign, untilS });
if (options.show > 0) for (const note of notes) console.log(inspect(note, { breakLength: 180, depth: 5 }));
for (const line of grid.logged.slice(0, 5)) console.error(line);
await grid.close();
await database.stop();
const ok = report('faults', { ...figures, wall_s: { value: wallS } }, options);
process.exitCode = ok ? 0 : 1;

/** The figures of a campaign that goes on, for whoever waits for its end. */
async function soFar(asOfS: number): Promise<void> {
  const soon = await figuresOf({ store: grid.store, ...truth, untilS: asOfS, asOfS });
  if (options.show > 0)
    for (const note of soon.notes) console.log(inspect(note, { breakLength: 180, depth: 5 }));
  report(`faults so far, ${Math.round((performance.now() - began) / 1000)} s`, soon.figures, {
    ...options,
    json: false,
  });
}

function isRed(test: string): boolean {
  return isFailing(Number(test.slice('test-'.length)), size);
}

function fate(piece: Piece): Turn | undefined {
  let turn = usual(piece);
  for (const fault of faults) {
    if (piece.atS < fault.fromS || piece.atS >= fault.untilS) continue;
    const stroke = fault.strike(piece, turn, chance);
    if (stroke === undefined) continue;
    turn = stroke;
    if (isLoss(stroke)) strikes(fault, piece, piece.atS + (stroke.takesS ?? piece.takesS));
  }
  return cutShort(piece, turn);
}

/** What only takes longer, and ends as it should, is no loss. */
function isLoss({ result, lies, lost, outcome }: Turn): boolean {
  return [result, lies, lost, outcome].some((what) => what !== undefined);
}

/** `seenS`: when the loss shows. */
function strikes(fault: Fault, { assignment: { attempt } }: Piece, seenS: number): void {
  struck.set(attempt, (struck.get(attempt) ?? new Set()).add(fault.id));
  if (met.has(fault.id)) return;
  met.add(fault.id);
  fault.untilS = seenS + (lasts[fault.id] ?? 0);
  // Its author corrects it.
  if (fault.kind === 'setup broken by its author') grid.at(fault.untilS, () => mend(fault.truth.of));
}

function usual({ what, assignment }: Piece): Turn | undefined {
  // What takes no time is told together with what comes next: that is quicker to simulate.
  if (what === 'chain') return undefined;
  if (what !== 'test') return { takesS: 0 };
  if (assignment.test.name === 'canary') return undefined;
  const n = Number(assignment.test.name.slice('test-'.length));
  return { takesS: testS(n), exit: isRed(assignment.test.name) ? 1 : 0 };
}

/** A host that goes away in the middle of a piece takes that with it. */
function cutShort(piece: Piece, turn: Turn | undefined): Turn | undefined {
  const takesS = turn?.takesS ?? piece.takesS;
  const next = faults
    .filter(
      ({ fromS, disables }) =>
        disables.includes(piece.host.name) && fromS > piece.atS && fromS < piece.atS + takesS,
    )
    .sort((a, b) => a.fromS - b.fromS)[0];
  if (next === undefined) return turn;
  const stroke = next.strike(piece, turn, chance);
  if (stroke?.lost === undefined) return turn;
  strikes(next, piece, next.fromS + 45);
  return { ...stroke, takesS: next.fromS - piece.atS + 45 };
}

async function mend(test: string): Promise<void> {
  mended += 1;
  tests = tests.map((one) => (one.name === test ? { ...one, setup: `prepare ${mended}` } : one));
  await grid.declare({ ...inventory, tests });
}

function shuffled(list: readonly string[]): string[] {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(roll() * left.length), 1)[0] ?? '');
}
