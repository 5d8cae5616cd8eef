import { digestOf } from '../domain/digest.js';
import { type AttemptEnd, isSettled, type Outcome } from '../domain/outcome.js';
import type { AttemptEvent, Report } from '../protocol/messages.js';
import type { Batch } from '../store/recording.js';

type Entry = Report['entries'][number];

/** An entry of a report; one without an event has its number, and nothing comes of it. */
export type CountedEntry = Omit<Entry, 'event'> & { readonly event: AttemptEvent | undefined };

/** Sorts events and output into the rows that they come to, table by table. */
export function batchOf(entries: readonly CountedEntry[], segments: Report['segments']): Batch {
  const progress = new Map<string, Batch['progress'][number]>();
  const batch = {
    stepsStarted: [] as Batch['stepsStarted'][number][],
    stepsEnded: [] as Batch['stepsEnded'][number][],
    cases: [] as Batch['cases'][number][],
    measurements: [] as Batch['measurements'][number][],
    attachments: [] as Batch['attachments'][number][],
    tags: [] as Batch['tags'][number][],
  };
  const places = new Map<string, Batch['places'][number]>();
  const place = (entry: CountedEntry, role: string, news: Partial<Batch['places'][number]>) => {
    const key = `${entry.attempt} ${role}`;
    places.set(key, { run: entry.run, attempt: entry.attempt, role, ...places.get(key), ...news });
  };
  for (const entry of entries) {
    const { run, attempt, event } = entry;
    const ids = { run, attempt };
    const so = progress.get(attempt) ?? {
      ...ids,
      seq: 0,
      begun: false,
      chainDone: false,
      verified: false,
      testStarted: false,
    };
    const now = { ...so, seq: entry.seq };
    switch (event?.kind) {
      case 'begun':
        now.begun = true;
        break;
      case 'chain_done':
        now.chainDone = true;
        break;
      case 'test_started':
        now.testStarted = true;
        break;
      case 'seen':
        place(entry, event.role, {
          before: event.fingerprint,
          ...(event.fingerprint ? { bootId: event.fingerprint.boot } : {}),
        });
        batch.tags.push(...seenTags(attempt, event));
        break;
      case 'verified':
        now.verified = true;
        place(entry, event.role, { verified: event.tags });
        batch.tags.push(...seenTags(attempt, event));
        break;
      case 'environment':
        place(entry, event.role, { environment: event.parts });
        break;
      case 'step_started':
        batch.stepsStarted.push({ ...ids, kind: event.what, ...pick(event) });
        break;
      case 'step_ended':
        batch.stepsEnded.push({ ...ids, ...event });
        break;
      case 'case':
        batch.cases.push({
          ...ids,
          role: event.role,
          seq: event.seq,
          name: event.name,
          result: event.result,
          message: event.message,
          ...(event.at === undefined ? {} : { at: event.at }),
        });
        if (event.measurement !== undefined)
          batch.measurements.push({ ...ids, ...BY_TEST, ...at(event.seq), ...measured(event.measurement) });
        break;
      case 'measured': {
        const { seq, caseSeq = 0, handler, name, measurement } = event;
        // Behind the numbers of all cases, of which one has at most one.
        const place = { seq: HANDLERS_FROM + seq, caseSeq };
        if (seq < HANDLERS_FROM)
          batch.measurements.push({ ...ids, ...place, handler, name, ...measured(measurement) });
        break;
      }
      case 'attachment': {
        const { role, seq, name, mediaType, digest, bytes, handler = '' } = event;
        const of = event.case === undefined ? {} : { case: event.case };
        batch.attachments.push({ ...ids, role, seq, name, mediaType, digest, bytes, handler, ...of });
        break;
      }
      case 'decided': {
        const decided: AttemptEnd = { outcome: event.outcome, teardown: 'none' };
        Object.assign(now, { decided });
        break;
      }
      case 'ended': {
        const { outcome } = event.end;
        Object.assign(now, { outcome: outcome.kind, detail: { ...event.end }, ended: event.end });
        for (const p of event.places) {
          const dirtied = event.end.dirtied === undefined ? {} : { dirtied: event.end.dirtied };
          place(entry, p.role, {
            after: p.fingerprint,
            outputBytes: p.outputBytes,
            outputCut: p.outputCut,
            ...dirtied,
          });
        }
        break;
      }
    }
    progress.set(attempt, now);
  }
  return { ...batch, progress: [...progress.values()], places: [...places.values()], segments };
}

/** What may still be told of an attempt once its outcome is: the teardown, and the end. */
const AFTER_DECIDED: ReadonlySet<string> = new Set(['step_started', 'step_ended', 'ended']);

/**
 * What counts of the events of attempts, in order. The outcome that was told first stands, whatever is said at the
 * end; a case, or another outcome, that is told after it is passed over. `decided`: outcomes told in earlier reports.
 */
export function whatCounts(
  entries: readonly Entry[],
  decided: ReadonlyMap<string, Outcome>,
): readonly CountedEntry[] {
  const told = new Map(decided);
  return entries.map((entry) => {
    const { attempt, event } = entry;
    const first = told.get(attempt);
    const isLate = first !== undefined && !AFTER_DECIDED.has(event.kind);
    if (isLate || (event.kind === 'decided' && !isSettled(event.outcome)))
      return { ...entry, event: undefined };
    if (event.kind === 'decided') told.set(attempt, event.outcome);
    if (event.kind !== 'ended' || first === undefined) return entry;
    return { ...entry, event: { ...event, end: { ...event.end, outcome: first } } };
  });
}

function seenTags(attempt: string, event: Extract<AttemptEvent, { kind: 'seen' | 'verified' }>) {
  const { role, tags, fingerprint } = event;
  const looks = fingerprint === undefined ? '' : digestOf(fingerprint);
  return tags.map((tag) => ({ ...tag, attempt, role, looks }));
}

function pick(event: Extract<AttemptEvent, { kind: 'step_started' }>) {
  const { role, seq, step, layer, key } = event;
  return {
    role,
    seq,
    step,
    ...(layer === undefined ? {} : { layer }),
    ...(key === undefined ? {} : { key }),
  };
}

const BY_TEST = { handler: '', name: '' };

/** What handlers measured is numbered from here. */
const HANDLERS_FROM = 1_000_000_000;

function at(caseSeq: number) {
  return { seq: caseSeq, caseSeq };
}

function measured(measurement: { raw: string; unit: string }) {
  const value = Number(measurement.raw);
  return measurement.raw.trim() !== '' && Number.isFinite(value) ? { ...measurement, value } : measurement;
}
