import { versionedSteps } from '../domain/baseline.js';
import type { FreeHost } from '../domain/culprit/question.js';
import { asked, nextTrials, type Search, told } from '../domain/culprit/search.js';
import type { Demand } from '../domain/demand.js';
import { showId } from '../domain/id.js';
import { classified, nextForClass, noChange } from '../domain/intake/classify.js';
import { versionsAt } from '../domain/intake/line.js';
import { endForOther } from '../domain/intake/other-question.js';
import { readTrial } from '../domain/intake/reading.js';
import { fitsOf } from '../domain/plan/fit.js';
import { joined } from '../domain/submit/joined.js';
import { seatsTaken } from '../store/assigning.js';
import { type Hunt, keepHunt, noteTrial, openHunts, tellTrial } from '../store/hunts.js';
import { type Transaction, wake } from '../store/store.js';
import { endedTrials, submitTrials } from '../store/trials.js';
import type { World } from '../store/world.js';
import { concluded } from './consequence.js';
import { lookInto, putBack } from './look-into.js';
import { mayAskOther } from './other-question.js';
import type { Settings } from './settings.js';

/**
 * Tells each search what its trials came to, and asks for those it wants next as ordinary runs; how much was done. All of
 * a search is in its row: whoever goes on with it believes what the one before believed.
 */
export async function search(tx: Transaction, world: World, settings: Settings): Promise<number> {
  const hunts = await openHunts(tx);
  if (hunts.length === 0) return 0;
  const ended = await endedTrials(tx);
  const versioned = new Set(versionedSteps(world.steps).keys());
  let done = 0;
  const underWay = new Map(hunts.map(({ id, value }) => [id, value.pending.length]));
  for (const hunt of hunts) {
    let { value } = hunt;
    for (const { trial, run, tried, hasErred } of ended.filter((one) => one.hunt === hunt.id)) {
      const said = readTrial(tried, hunt.predicate, hunt.signature, versioned);
      const read = said === 'bad' && isOfHost(hunt, value, trial) ? 'error' : said;
      // Once it says nothing even of its state: it is as if it had never been asked for.
      const outcome = read === 'error' && !hasErred ? 'withdrawn' : read;
      // All of it could be put in once, on this host or another: what cannot be now is the grid's to look into.
      if (read === 'error' && hunt.predicate !== 'lost') await lookInto(tx, run, tried, world, settings);
      if (outcome === 'lost') await putBack(tx, tried, world);
      value = told(value, { trial, outcome });
      await tellTrial(tx, hunt.id, trial, outcome);
      done++;
    }
    const found = isClassified(hunt) ? undefined : classified(value);
    const conclusion = found === undefined ? undefined : noChange(value, found);
    if (conclusion !== undefined) value = { ...value, phase: 'done', conclusion };
    const other = endForOther(value, hunt.predicate);
    if (other !== undefined && (await mayAskOther(tx, hunt)))
      value = { ...value, phase: 'done', conclusion: other };
    if (value.phase === 'done') {
      await concluded(tx, { ...hunt, value }, world, settings);
      done++;
      continue;
    }
    underWay.set(hunt.id, value.pending.length);
    const all = [...underWay.values()].reduce((sum, count) => sum + count, 0);
    const hosts = await freeHosts(tx, hunt, value, all, world);
    const isOpen = found === undefined && !isClassified(hunt);
    const trials = isOpen ? nextForClass(value, hosts) : nextTrials(value, hosts);
    for (const trial of trials) {
      const submission = await submitTrials(tx, {
        projectId: hunt.projectId,
        name: `trial ${trial.id} of ${showId('search', hunt.id)}`,
        tests: [hunt.testId],
        host: trial.host,
        priority: TRIAL_PRIORITY,
        versions: versionsAt(hunt.line, trial.state, hunt.beside),
      });
      await noteTrial(tx, hunt.id, trial, submission);
      done++;
    }
    if (trials.length > 0) value = asked(value, trials);
    underWay.set(hunt.id, value.pending.length);
    if (value !== hunt.value) await keepHunt(tx, hunt, value);
  }
  if (done > 0) await wake(tx, 'testyard_scheduler', 'testyard_history');
  return done;
}

/**
 * How far trials are before everybody's runs. There are never more of them than a search's share of hosts, and that they
 * have at once: behind a long queue a search would take days.
 */
const TRIAL_PRIORITY = 10;

/**
 * That something cannot be put in is its host's fault where the same state, or one with all of it and more, could be
 * elsewhere. Where a later change may have mended it, more says nothing.
 */
function isOfHost({ predicate }: Hunt, { tallies, pending, question }: Search, id: number): boolean {
  const state = pending.find((trial) => trial.id === id)?.state;
  if (predicate !== 'refused' || state === undefined) return false;
  const isAsMuch = (other: number) => (question.mends === true ? other === state : other >= state);
  return tallies.some((one) => one.good > 0 && isAsMuch(one.state));
}

/** Only a failure of a test may be no more than a flake; where a search goes on from another one it is known that there is something. */
function isClassified({ predicate, parentId }: Hunt): boolean {
  return predicate !== 'fails' || parentId !== null;
}

/** Hosts for further trials: as many as the search's share of those that could serve it, less all trials under way; idle ones first. */
async function freeHosts(
  tx: Transaction,
  { requirement, line, beside, share }: Hunt,
  { pending, erred }: Search,
  underWay: number,
  world: World,
): Promise<readonly FreeHost[]> {
  const demand: Demand = {
    requirement: joined(requirement, world.grid.defaultRequirement, world.catalogue),
    target: {},
    purpose: 'trial',
    fresh: false,
    avoid: [],
    versions: versionsAt(line, line.length, beside),
  };
  const { fits } = fitsOf(demand, world.hosts, world.steps, world.incidents);
  const room = Math.max(1, Math.floor(share * fits.length)) - underWay;
  if (room <= 0) return [];
  const taken = await seatsTaken(tx);
  const isBusy = (id: string) => (taken.get(id)?.size ?? 0) > 0;
  return fits
    .filter(({ host }) => !pending.some((trial) => trial.host === host.name))
    .sort(
      (a, b) =>
        (erred[a.host.name] ?? 0) - (erred[b.host.name] ?? 0) ||
        Number(isBusy(a.host.id)) - Number(isBusy(b.host.id)) ||
        (a.host.name < b.host.name ? -1 : 1),
    )
    .slice(0, room)
    .map(({ host }) => ({ name: host.name }));
}
