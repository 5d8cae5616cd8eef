import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { costBetween, type State, type TracedRun } from './provision-trace.js';

/** Between the end of one run and the start of the next chain, and between chain and test, as simulated. */
const BETWEEN_S = 1;

/**
 * The least provisioning, in seconds, with which all of these runs can be carried out on hosts in these states and be
 * done within `withinS`, if all is known beforehand: found by GLPK (glpsol), which knows nothing of how we plan. Which
 * run follows which on one host is chosen; times keep rings of runs out.
 */
export async function leastProvisioning(
  states: readonly State[],
  runs: readonly TracedRun[],
  withinS: number,
): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'testyard-exact-'));
  try {
    const model = path.join(folder, 'model.lp');
    const solution = path.join(folder, 'solution');
    await writeFile(model, modelOf(states, runs, withinS));
    await promisify(execFile)('glpsol', ['--lp', model, '--tmlim', '300', '--cuts', '-o', solution]);
    const said = await readFile(solution, 'utf8');
    if (!/^Status:\s+INTEGER OPTIMAL$/m.test(said))
      throw new Error(`glpsol found no optimum: ${/^Status:.*$/m.exec(said)?.[0]}`);
    return Number(/^Objective:.*= ([0-9.e+]+)/m.exec(said)?.[1]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function modelOf(states: readonly State[], runs: readonly TracedRun[], withinS: number): string {
  const before = [
    ...states.map((state, n) => ({ name: `h${n}`, state })),
    ...runs.map((state, n) => ({ name: `r${n}`, state })),
  ];
  const pairs = before.flatMap((from) =>
    runs.flatMap((run, n) =>
      from.state === run ? [] : [{ from: from.name, to: `r${n}`, run, costS: costBetween(from.state, run) }],
    ),
  );
  const x = ({ from, to }: { from: string; to: string }) => `x_${from}_${to}`;
  const sum = (some: typeof pairs) => some.map(x).join(' + ');
  const times = pairs.map((pair) => {
    const lengthS = pair.costS + pair.run.takesS + BETWEEN_S;
    if (pair.from.startsWith('h')) return `end_${pair.to} - ${lengthS} ${x(pair)} >= 0`;
    return `end_${pair.to} - end_${pair.from} - ${withinS + lengthS} ${x(pair)} >= -${withinS}`;
  });
  return [
    'Minimize',
    ` cost: ${pairs.map((pair) => `${pair.costS} ${x(pair)}`).join(' + ')}`,
    'Subject To',
    ...runs.map((_, n) => ` ${sum(pairs.filter(({ to }) => to === `r${n}`))} = 1`),
    ...before.map(({ name }) => ` ${sum(pairs.filter(({ from }) => from === name))} <= 1`),
    ...times.map((line) => ` ${line}`),
    'Bounds',
    ...runs.map((_, n) => ` 0 <= end_r${n} <= ${withinS}`),
    'Binary',
    ...pairs.map((pair) => ` ${x(pair)}`),
    'End',
    '',
  ].join('\n');
}
