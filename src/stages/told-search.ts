import type { OwnersAnswer } from '../domain/answer/answer.js';
import { LINK_S, linkAt } from '../domain/answer/link.js';
import type { Verification } from '../domain/culprit/verification.js';
import { type Id, readId, showId } from '../domain/id.js';
import { versionBefore } from '../domain/intake/line.js';
import type { Counted, FoundChange, ToldSearch } from '../domain/tell/news.js';
import type { Blobs } from '../ports/blobs.js';
import { accusationsIn } from '../store/answering.js';
import { lastWordsOf } from '../store/broken-off.js';
import { type Change, readChanges } from '../store/changing.js';
import { disputesAbout } from '../store/disputes.js';
import { findEnvironment } from '../store/environment.js';
import { findSearch, listPins, partnerSearch, type SearchRow, trialsOf } from '../store/searches.js';
import type { Sql } from '../store/store.js';
import { atHome } from './at-home.js';
import { decisions } from './dispute.js';
import { compareRecorded } from './environment.js';

/** What makes links with which a letter can be answered. */
export interface AnswerLinks {
  /** Where people reach the API; '' is nowhere, and no link is made. */
  readonly base: string;
  readonly key: string;
}

/** What letters to a recipient need beside the database. */
export interface ForLetters {
  readonly recipient: string;
  /** The moment of the letter: links count from it. */
  readonly at: Date;
  readonly blobs?: Blobs | undefined;
  readonly links?: AnswerLinks | undefined;
}

type Trials = Awaited<ReturnType<typeof trialsOf>>;

const MOST_PINS = 20;

/** A search as a letter to somebody tells of it; undefined: the thread is about something else. */
export async function toldSearch(
  sql: Sql,
  thread: string,
  letter: ForLetters,
): Promise<ToldSearch | undefined> {
  const id = readId('search', thread);
  const row = id === undefined ? undefined : await findSearch(sql, 'all', id);
  if (id === undefined || row === undefined) return undefined;
  const [trials, pins, known, other] = await Promise.all([
    trialsOf(sql, id),
    listPins(sql, { visible: 'all', search: id, open: true, limit: MOST_PINS }),
    readChanges(sql, foundIn(row)),
    partnerSearch(sql, id),
  ]);
  const partners = other === undefined ? [] : await readChanges(sql, foundIn(other));
  const { conclusion, spent, verification } = row.value;
  const difference = await differenceOf(sql, trials, letter.blobs);
  const links = await linksOf(sql, id, letter);
  const lastWords = row.predicate === 'refused' ? await lastWordsOf(sql, id) : undefined;
  return {
    id: thread,
    test: row.test,
    found: known.map((change) => foundChange(change, row)),
    partners: other === undefined ? [] : partners.map((change) => foundChange(change, other)),
    among: row.line.length,
    ...(conclusion !== undefined && 'probability' in conclusion
      ? { probability: conclusion.probability }
      : {}),
    trials: { search: spent.search, verify: spent.verify },
    ...(verification === undefined ? {} : bothWays(verification, trials)),
    ...(difference === undefined ? {} : { difference }),
    heldAt: await heldAt(sql, pins.items),
    ...(lastWords === undefined ? {} : { lastWords }),
    commands: [...(await commandsFor(sql, row, [known, partners], trials)), ...(await toDecide(sql, known))],
    ...links,
  };
}

/** What is held back, and with each what cannot be put in without it. */
async function heldAt(
  sql: Sql,
  pins: Awaited<ReturnType<typeof listPins>>['items'],
): Promise<ToldSearch['heldAt']> {
  const ids = pins.flatMap(({ behind }) => behind.flatMap(({ change }) => readId('change', change) ?? []));
  const known = new Map((await readChanges(sql, ids)).map((change) => [showId('change', change.id), change]));
  return pins.map(({ component, version, behind }) => ({
    ...{ component, version },
    behind: behind.flatMap(({ change, why }) => {
      const one = known.get(change);
      return one === undefined ? [] : [{ component: one.component, version: one.version, why }];
    }),
  }));
}

/** The changes that a search found, by id. */
function foundIn({ value: { conclusion }, line }: SearchRow): readonly Id[] {
  if (conclusion?.kind !== 'culprit' && conclusion?.kind !== 'several') return [];
  return conclusion.changes.flatMap((number) => line[number - 1]?.id ?? []);
}

function foundChange(
  { id, component, version, title, author, link }: Change,
  { line }: SearchRow,
): FoundChange {
  const own = line.find((change) => change.id === id);
  const before = own && versionBefore(line, own);
  return {
    ...{ component, version, title },
    ...(before === undefined ? {} : { before }),
    ...(author === null ? {} : { author }),
    ...(link === null ? {} : { link }),
  };
}

function bothWays(seen: Verification, trials: Trials): { readonly with: Counted; readonly without: Counted } {
  const runs = (why: 'with' | 'without', outcome: string) =>
    trials.filter((one) => one.for === why && one.outcome === outcome).flatMap(({ run }) => run ?? []);
  return {
    with: { bad: seen.badWith, of: seen.badWith + seen.goodWith, runs: runs('with', 'bad') },
    without: {
      bad: seen.badWithout,
      of: seen.badWithout + seen.goodWithout,
      runs: runs('without', 'good'),
    },
  };
}

/** The last bad run with it against the last good one without it. */
async function differenceOf(
  sql: Sql,
  trials: Trials,
  blobs: Blobs | undefined,
): Promise<readonly string[] | undefined> {
  const last = (why: 'with' | 'without', outcome: string) =>
    readId('run', trials.findLast((one) => one.for === why && one.outcome === outcome)?.run ?? '');
  const [bad, good] = [last('with', 'bad'), last('without', 'good')];
  if (blobs === undefined || bad === undefined || good === undefined) return undefined;
  const [before, after] = [await findEnvironment(sql, 'all', good), await findEnvironment(sql, 'all', bad)];
  if (before === undefined || after === undefined) return undefined;
  const { changes } = await compareRecorded(before, after, blobs);
  return changes.map(
    ({ part, name, before: was = 'not there', after: is = 'not there' }) =>
      `${part.padEnd(12)} ${name}: ${was || 'there'} -> ${is || 'there'}`,
  );
}

async function commandsFor(
  sql: Sql,
  row: SearchRow,
  [known, partners]: readonly [found: readonly Change[], partners: readonly Change[]],
  trials: Trials,
): Promise<ToldSearch['commands']> {
  const bad = trials.findLast(({ outcome, run }) => outcome === 'bad' && run !== undefined)?.run;
  const [change] = known;
  const local = change === undefined || known.length > 1 ? [] : await atHome(sql, change, partners, row);
  return [
    [`testyard search q${row.id}`, 'all that is known of it'],
    ...(bad === undefined ? [] : [[`testyard logs ${bad}`, 'what the last bad run printed'] as const]),
    ...local,
  ];
}

/** What an admin types where somebody has said that it is not what the search found. */
async function toDecide(sql: Sql, known: readonly Change[]): Promise<ToldSearch['commands']> {
  const disputes = await disputesAbout(
    sql,
    known.map(({ id }) => id),
  );
  return disputes.flatMap((dispute) => {
    const [theirs, notTheirs] = decisions(dispute);
    return [
      [theirs, 'you decide that it is this change: it is held back, and its owner told'] as const,
      [notTheirs, 'or that it is not: it is tried once more. Until then it is not tried at all'] as const,
    ];
  });
}

const ANSWERS: readonly (readonly [OwnersAnswer['kind'], string])[] = [
  ['not_mine', 'It is not this change'],
  ['fixed_in', 'A later version mends it'],
  ['snoozed', 'Not now'],
];

/** For whoever is accused, and has not taken it back. */
async function linksOf(
  sql: Sql,
  search: Id,
  { recipient, at, links }: ForLetters,
): Promise<Pick<ToldSearch, 'links' | 'isAsked'>> {
  const own = (await accusationsIn(sql, 'all', search)).filter(
    ({ owner, withdrawnAt }) => owner === recipient && withdrawnAt === null,
  );
  const expires = Math.floor(at.getTime() / 1000) + LINK_S;
  if (links === undefined || links.base === '') return { isAsked: own.length > 0, links: [] };
  return {
    isAsked: own.length > 0,
    links: own.flatMap(({ id: accusation, component }) =>
      ANSWERS.map(([answer, what]) => ({
        what: own.length > 1 ? `${what} (${component})` : what,
        url: linkAt(links.base, { accusation, answer, expires }, links.key),
      })),
    ),
  };
}
