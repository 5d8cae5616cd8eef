import type { Cause, Conclusion } from '../domain/culprit/question.js';
import { recordsAfter } from '../domain/culprit/records.js';
import { openSearch } from '../domain/culprit/search.js';
import { type Id, showId } from '../domain/id.js';
import { neededFor } from '../domain/intake/head.js';
import { type LinkedChange, lineWithout, versionsAt } from '../domain/intake/line.js';
import type { ComponentKind, WatchSpec } from '../domain/watch.js';
import { withdrawnLately } from '../store/answering.js';
import { type Change, overtaken, readChanges, setChangeState } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import { accuse, pinsOfDay } from '../store/holding-back.js';
import { wasAsked } from '../store/hunting.js';
import { beginHunt, endTrials, type Hunt, huntOf, keepHunt } from '../store/hunts.js';
import { changeIntake, type Intake, openIntakes, watchOf } from '../store/intakes.js';
import type { Transaction } from '../store/store.js';
import { lastBroken } from '../store/trials.js';
import type { World } from '../store/world.js';
import { tellBeginner } from './asked-search.js';
import { isUnmended, unmended } from './branch.js';
import { limitReached, stop } from './intake-end.js';
import { lookInto } from './look-into.js';
import { seekOther } from './other-question.js';
import { goneOn, lineNow, pinAll, rollBack } from './roll-back.js';
import type { Settings } from './settings.js';

/** How likely it is, before any trial, that a culprit does harm all by itself. */
const ALONE = 0.85;

/** A search has ended: what follows from its answer, all in the transaction that keeps it. */
export async function concluded(
  tx: Transaction,
  hunt: Hunt,
  world: World,
  settings: Settings,
): Promise<void> {
  const { conclusion } = hunt.value;
  if (conclusion === undefined) throw new Error(`search ${hunt.id} is over and says nothing`);
  const found = inWords(conclusion, hunt);
  await keepHunt(tx, hunt, hunt.value, found);
  await endTrials(tx, hunt);
  const only = hunt.partnerOf === null ? onlyOne(hunt, conclusion) : undefined;
  if (only !== undefined && mayHavePartner(hunt, only)) return await seekPartner(tx, hunt, only);
  const pair = await pairOf(tx, hunt, conclusion);
  // What is told of both searches is told in the thread of the first.
  const told = pair === undefined ? found : saidOf(pair.found, pair.hunt);
  const isOver = await tellBeginner(tx, pair?.hunt ?? hunt, told, evidenceOf(pair?.hunt ?? hunt), world);
  if (isOver) return;
  const intake = (await openIntakes(tx)).find(({ id }) => id === hunt.intakeId);
  if (await isUnmended(tx, hunt, conclusion)) return await stillBroken(tx, hunt, intake, found);
  const isNone = conclusion.kind === 'flaky' || conclusion.kind === 'environment';
  if ((isNone || conclusion.kind === 'smallest set') && (await seekOther(tx, hunt, intake, world))) return;
  if (isNone && hunt.predicate !== 'fails') return await noChange(tx, hunt, intake, world, settings);
  if (pair !== undefined) return await blame(tx, pair.hunt, pair.found, intake, world);
  switch (conclusion.kind) {
    case 'culprit':
    case 'several': {
      const held = changesOf(hunt, conclusion.changes);
      return await blame(tx, hunt, { held, partners: [] }, intake, world);
    }
    case 'flaky':
      return await undecided(tx, hunt, intake, world, `${hunt.testName} fails now and then in any state`);
    case 'environment':
      return await undecided(
        tx,
        hunt,
        intake,
        world,
        `${hunt.testName} fails today with the versions that were good before too: it is no change`,
      );
    case 'smallest set':
    case 'stopped':
      return await leftOpen(tx, hunt, conclusion.causes, intake, world);
  }
}

/** What is held back on a branch has not been mended: nobody is told again, and what came since waits for what comes next. */
async function stillBroken(
  tx: Transaction,
  { id, projectId, line }: Hunt,
  intake: Intake | undefined,
  found: string,
): Promise<void> {
  const why = unmended(line[0]?.component ?? '');
  const data = { what: 'accuse anybody', found, why };
  const subject = showId('search', id);
  await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: projectId, data }]);
  if (intake !== undefined) await stop(tx, intake, why);
}

/** That nothing could be put in, or that hosts were lost, was due to no change: the grid looks into it, and all is tried again. */
async function noChange(
  tx: Transaction,
  hunt: Hunt,
  intake: Intake | undefined,
  world: World,
  settings: Settings,
): Promise<void> {
  const last = await lastBroken(tx, hunt.id);
  if (last !== undefined) await lookInto(tx, last.run, last.tried, world, settings);
  if (intake === undefined) return;
  const why = 'it was due to no change: tried again';
  await changeIntake(tx, intake, { state: 'testing', submissionId: null, tries: 0, seen: [] }, why);
}

/** What a search found, as people read it. */
function inWords(conclusion: Conclusion, hunt: Hunt): string {
  const named = (changes: readonly number[]) =>
    changesOf(hunt, changes)
      .map(({ component, to }) => `${component} ${to}`)
      .join(' and ');
  switch (conclusion.kind) {
    case 'culprit':
    case 'several':
      return `${named(conclusion.changes)}: probability ${conclusion.probability.toFixed(4)}`;
    case 'environment':
      return `${hunt.partnerOf === null ? 'it fails in the last good state too' : 'it does harm by itself'}: probability ${conclusion.probability.toFixed(4)}`;
    case 'flaky':
      return `it fails now and then in any state, about ${(conclusion.rate * 100).toFixed(0)} % of the time`;
    case 'smallest set':
    case 'stopped':
      return `${conclusion.kind === 'stopped' ? 'stopped' : 'given up'}; the likeliest: ${conclusion.causes
        .map(
          (cause) =>
            `${cause.kind === 'changes' ? named(cause.changes) : cause.kind} (${cause.probability.toFixed(2)})`,
        )
        .join(', ')}`;
  }
}

/** The one change that a search names. */
function onlyOne(hunt: Hunt, conclusion: Conclusion): LinkedChange | undefined {
  if (conclusion.kind !== 'culprit') return undefined;
  const [only] = changesOf(hunt, conclusion.changes);
  return only;
}

/** Changes of a hunt's line, by their numbers in it. */
function changesOf({ line }: Pick<Hunt, 'line'>, numbers: readonly number[]): readonly LinkedChange[] {
  return numbers.flatMap((number) => line[number - 1] ?? []);
}

/** Whether another change before it may be needed to do the harm: a package's failure, with something before it on the line. */
function mayHavePartner({ line, predicate }: Hunt, found: LinkedChange): boolean {
  const others = line.slice(0, line.indexOf(found)).filter(({ component }) => component !== found.component);
  const needed = neededFor(line, found);
  return predicate === 'fails' && found.kind !== 'git' && others.some((one) => !needed.includes(one));
}

/** Whether it does harm all by itself, or only together with one that came before: a search along those, with it in every state. */
async function seekPartner(tx: Transaction, hunt: Hunt, found: LinkedChange): Promise<void> {
  const needed = [...neededFor(hunt.line, found), found];
  const before = hunt.line.slice(0, hunt.line.indexOf(found)).filter((one) => !needed.includes(one));
  const beside = {
    ...hunt.beside,
    ...versionsAt(
      hunt.line
        .slice(hunt.line.indexOf(found) + 1)
        .filter((one) => before.every(({ component }) => component !== one.component)),
      0,
    ),
    ...versionsAt(needed, needed.length),
  };
  const value = openSearch({
    kind: 'line',
    changes: before.length,
    environment: ALONE,
    flaky: 0.001,
    ...recordsAfter(hunt.value, hunt.line.indexOf(found) + 1),
  });
  const partnerOf = found.id;
  const why = `whether ${found.component} ${found.to} does harm by itself, or together with one before it`;
  await beginHunt(
    tx,
    { ...hunt, line: before, beside, partnerOf, parentId: hunt.id, value },
    'testyard',
    why,
  );
}

/** What two searches have found, of which the second asked for a partner: there is none where even the state without any is bad. */
async function pairOf(
  tx: Transaction,
  { parentId, partnerOf, ...hunt }: Hunt,
  conclusion: Conclusion,
): Promise<{ readonly hunt: Hunt; readonly found: Found } | undefined> {
  if (partnerOf === null || parentId === null) return undefined;
  const isFound = conclusion.kind === 'culprit' || conclusion.kind === 'several';
  const partners = isFound ? changesOf(hunt, conclusion.changes) : [];
  // What speaks for it is what the search before has seen.
  const before = await huntOf(tx, parentId);
  const held = before?.line.filter(({ id }) => id === partnerOf) ?? [];
  return before === undefined || held.length === 0 ? undefined : { hunt: before, found: { held, partners } };
}

/** What a search found: what is held back for it, and how that is said. */
interface Found {
  readonly held: readonly LinkedChange[];
  /** What does harm only together with it, and goes on. */
  readonly partners: readonly LinkedChange[];
}

/**
 * What was found is held back, at its last good version; whoever it belongs to is told, once. All other changes go on
 * without what cannot be put in without it.
 */
async function blame(
  tx: Transaction,
  hunt: Hunt,
  found: Found,
  intake: Intake | undefined,
  world: World,
): Promise<void> {
  const { held, partners } = found;
  const line = intake?.line ?? (await lineNow(tx, hunt, held));
  const without = [...(intake?.without ?? []), ...held.map(({ id }) => id)];
  const [named] = await readChanges(
    tx,
    held.map(({ id }) => id),
  );
  const watch = named === undefined ? undefined : await watchOf(tx, named.watch);
  const said = saidOf(found, hunt);
  if (await isSpared(tx, hunt, found, intake, world)) return;
  if (intake !== undefined && (await wasOvertaken(tx, hunt, held, intake))) return;
  const notActed = watch === undefined ? undefined : await whyNot(tx, watch);
  if (notActed !== undefined) {
    const what = held.map(({ component, from }) => `hold ${component} at ${from ?? 'nothing'}`).join(', ');
    const data = { what, found: said, why: notActed };
    const subject = showId('search', hunt.id);
    await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: hunt.projectId, data }]);
  }
  if (notActed !== undefined && watch?.dryRun !== true) {
    const why = `${said}; nothing was done: ${notActed}`;
    await tellAdmin(tx, hunt, world, why);
    if (intake !== undefined) await stop(tx, intake, why, true);
    return;
  }
  const state = hunt.predicate === 'refused' ? 'uninstallable' : 'blamed';
  // On trial what is trusted stays so.
  if (notActed === undefined || intake !== undefined)
    await setChangeState(
      tx,
      held.map(({ id }) => id),
      state,
      said,
    );
  if (notActed === undefined) {
    const gone = intake === undefined ? await goneOn(tx, hunt, held) : new Set<Id>();
    const there = held.filter(({ id }) => !gone.has(id));
    const { behind } = lineWithout(line, new Set(without.filter((id) => !gone.has(id))), new Map());
    await pinAll(tx, hunt, there, behind, said);
    if (intake === undefined && there.length > 0) await rollBack(tx, line, there, behind, said);
    const known = await readChanges(
      tx,
      [...held, ...partners].map(({ id }) => id),
    );
    // Whose change is held back is told first.
    const isHeld = ({ id }: Change) => held.some((one) => one.id === id);
    await tellOwners(
      tx,
      hunt,
      [...known.filter(isHeld), ...known.filter((one) => !isHeld(one))],
      said,
      world,
    );
  }
  if (intake === undefined) return;
  const gone = held.map(({ component, to }) => `${component} ${to}`).join(', ');
  await changeIntake(
    tx,
    intake,
    { state: 'testing', submissionId: null, without, tries: 0 },
    `without ${gone}`,
  );
}

/**
 * Whether what cannot be put in has been replaced since at the place where it was seen, which may have nothing but the newest:
 * that says nothing of it, and nobody is told.
 */
async function wasOvertaken(
  tx: Transaction,
  hunt: Hunt,
  held: readonly LinkedChange[],
  intake: Intake,
): Promise<boolean> {
  const ids = held.map(({ id }) => id);
  const newer = hunt.predicate === 'refused' ? await overtaken(tx, ids) : [];
  if (newer.length < ids.length) return false;
  const why = `${held.map(({ component, to }) => `${component} ${to}`).join(', ')} cannot be put in, and a newer one has arrived`;
  await setChangeState(tx, ids, 'superseded', why);
  const data = { what: 'accuse anybody', found: saidOf({ held, partners: [] }, hunt), why };
  const subject = showId('search', hunt.id);
  await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: hunt.projectId, data }]);
  const without = [...intake.without, ...ids];
  await changeIntake(tx, intake, { state: 'testing', submissionId: null, without, tries: 0 }, why);
  return true;
}

/** Whether somebody took it back lately that it is this change: then nobody is accused by a machine again. */
async function isSpared(
  tx: Transaction,
  hunt: Hunt,
  found: Found,
  intake: Intake | undefined,
  world: World,
): Promise<boolean> {
  const ids = found.held.map(({ id }) => id);
  const withdrawn = (await wasAsked(tx, hunt.id)) ? undefined : await withdrawnLately(tx, hunt, ids);
  if (withdrawn === undefined) return false;
  const said = saidOf(found, hunt);
  const why = `${withdrawn.by} said in ${showId('search', withdrawn.search)} that it is not this change: a person must decide`;
  const data = { what: 'accuse anybody', found: said, why };
  const subject = showId('search', hunt.id);
  await chronicle(tx, [{ kind: 'decision.not_acted', subject, project: hunt.projectId, data }]);
  await tellAdmin(tx, hunt, world, `${said}; nobody was told: ${why}`);
  if (intake === undefined) return true;
  const without = [...intake.without, ...ids];
  await changeIntake(tx, intake, { state: 'testing', submissionId: null, without, tries: 0 }, why);
  return true;
}

function saidOf({ held, partners }: Found, hunt: Hunt): string {
  const named = (some: readonly LinkedChange[]) => some.map(({ component, to }) => `${component} ${to}`);
  const who = held.length > 1 ? `one of ${named(held).join(', ')}` : named(held).join();
  return `${who} ${harmOf(hunt, held[0]?.kind)}${partners.length === 0 ? '' : `, together with ${named(partners).join(' and ')}`}`;
}

function harmOf({ predicate, testName }: Hunt, kind: ComponentKind | undefined): string {
  if (predicate === 'refused') return REFUSED[kind ?? 'apt'];
  return predicate === 'lost' ? 'takes its host down' : `breaks ${testName}`;
}

/** That a version cannot be put in, by what it is a version of. */
const REFUSED: Readonly<Record<ComponentKind, string>> = {
  apt: 'cannot be installed',
  dnf: 'cannot be installed',
  git: 'cannot be built',
  image: 'cannot be put on a host',
  test: 'cannot be set up',
};

/** Why a verified culprit is not held back; undefined: it is. */
async function whyNot(
  tx: Transaction,
  { name, dryRun, rollbacksPerDay }: WatchSpec,
): Promise<string | undefined> {
  if (dryRun === true) return `watch ${name} is on trial itself (dry_run)`;
  if ((await pinsOfDay(tx, name)) < rollbacksPerDay) return undefined;
  return limitReached(name, rollbacksPerDay);
}

/** Each owner is told once for each search, all in its thread. */
async function tellOwners(
  tx: Transaction,
  hunt: Hunt,
  changes: readonly Change[],
  title: string,
  world: World,
): Promise<void> {
  const owners = new Set<string>();
  for (const change of changes) {
    const owner = change.owner ?? world.grid.admin;
    if (!(await accuse(tx, hunt.id, change.id, owner)) || owners.has(owner)) continue;
    owners.add(owner);
    await chronicle(tx, [
      {
        ...{ kind: 'culprit.told', subject: showId('search', hunt.id), project: hunt.projectId },
        data: { owner, title, change: showId('change', change.id), evidence: evidenceOf(hunt) },
      },
    ]);
  }
}

/** What speaks for it, in lines that go into the letter. */
function evidenceOf(hunt: Hunt): readonly string[] {
  const { conclusion, spent, verification } = hunt.value;
  const lines = [`found by search ${showId('search', hunt.id)}, with test ${hunt.testName}`];
  if (conclusion !== undefined && 'probability' in conclusion)
    lines.push(
      `probability ${conclusion.probability.toFixed(4)}, after ${spent.search} trials and ${spent.verify} to verify it`,
    );
  if (verification !== undefined)
    lines.push(
      `with it ${verification.badWith} of ${verification.badWith + verification.goodWith} trials were bad, without it ${verification.badWithout} of ${verification.badWithout + verification.goodWithout}`,
    );
  return lines;
}

/** The test says nothing about these changes: it decides no more here, and the admins are told. */
async function undecided(
  tx: Transaction,
  hunt: Hunt,
  intake: Intake | undefined,
  world: World,
  why: string,
): Promise<void> {
  if (hunt.value.conclusion?.kind === 'environment') await tellAdmin(tx, hunt, world, why);
  if (intake === undefined) return;
  // By its own rule it holds: that is an answer, where another test that flakes has none.
  const holds = hunt.value.conclusion?.kind === 'flaky' && hunt.value.question.rule !== undefined;
  const out = holds ? { held: [...intake.held, hunt.testId] } : { flaky: [...intake.flaky, hunt.testId] };
  await changeIntake(tx, intake, { state: 'testing', submissionId: null, ...out }, why);
}

/** Nobody is accused; what may be it stays out until somebody has looked. */
async function leftOpen(
  tx: Transaction,
  hunt: Hunt,
  causes: readonly Cause[],
  intake: Intake | undefined,
  world: World,
): Promise<void> {
  const numbers = causes.flatMap(({ changes }) => changes);
  const why = `${inWords(hunt.value.conclusion as Conclusion, hunt)}: nobody is accused`;
  await tellAdmin(tx, hunt, world, why);
  if (intake === undefined) return;
  const isStopped = hunt.value.conclusion?.kind === 'stopped';
  // Nobody knows what it is: the test that failed is not to be passed over for that.
  if (isStopped && causes[0]?.kind !== 'changes') return await stop(tx, intake, why);
  if (numbers.length === 0) return await undecided(tx, hunt, intake, world, why);
  const out: Id[] = changesOf(hunt, numbers).map(({ id }) => id);
  await changeIntake(
    tx,
    intake,
    { state: 'testing', submissionId: null, without: [...intake.without, ...out] },
    why,
  );
}

async function tellAdmin(tx: Transaction, hunt: Hunt, world: World, title: string): Promise<void> {
  await chronicle(tx, [
    {
      ...{ kind: 'culprit.told', subject: showId('search', hunt.id), project: hunt.projectId },
      data: { owner: world.grid.admin, title, evidence: evidenceOf(hunt) },
    },
  ]);
}
