import { sourceText } from '../domain/report/reported.js';
import type { AttemptView, IncidentView, RunDetail, SubmissionView } from '../http/contract.js';
import { about } from './attachments.js';
import { showChange } from './changes.js';
import { Failure } from './failure.js';
import { showHost } from './hosts.js';
import { showRuns } from './runs.js';
import { ago, type Cell, plain, type Screen, size, span } from './screen.js';
import { search } from './search.js';
import type { Setting } from './setting.js';
import { counted, reasonOf, standing, testOf } from './words.js';

/** Whatever has an id: a run, a submission, a host, an incident, a search or a change. */
export async function show(setting: Setting, id: string): Promise<number> {
  const { client, screen, json } = setting;
  if (!/^[rshiqc][1-9][0-9]*$/.test(id))
    throw new Failure(
      `'${id}' is no id: runs are like r12, submissions s3, hosts h1, incidents i4, searches q5, changes c6`,
    );
  switch (id[0]) {
    case 'r': {
      const run = await client.run(id);
      if (json) screen.json(run);
      else showRun(screen, run);
      break;
    }
    case 's': {
      const submission = await client.submission(id);
      const runs = await client.all((cursor) => client.runs({ submission: id, limit: 500, cursor }));
      if (json) screen.json({ ...submission, runs });
      else {
        showSubmission(screen, submission);
        if (runs.length > 0) showRuns(screen, [...runs].reverse());
      }
      break;
    }
    case 'h': {
      const host = await client.host(id);
      if (json) screen.json(host);
      else showHost(screen, host);
      break;
    }
    case 'q':
      return await search(setting, id);
    case 'c':
      return await showChange(setting, id);
    default: {
      const incident = await client.incident(id);
      if (json) screen.json(incident);
      else showIncident(screen, incident);
    }
  }
  return 0;
}

function showRun(screen: Screen, run: RunDetail): void {
  const { text, tone } = standing(run);
  const { artefacts = [] } = run;
  const target = targetOf(run);
  screen.line(`${run.id} ${screen.paint('strong', testOf(run))}: ${screen.paint(tone, text)}`);
  screen.table([
    ['why', reasonOf(run)],
    ['needs', run.requirement === '' ? 'any host' : run.requirement],
    ...(target === '' ? [] : [['for', target]]),
    ...(run.source === undefined ? [] : [['from', sourceText(run.source)]]),
    ...artefacts.map(({ name, url, blob, bytes, buildId }) => [
      'under test',
      `${name}: ${url ?? `uploaded, ${bytes === undefined ? '' : `${size(bytes)}, `}${blob}`}${buildId === undefined ? '' : ` (build ${buildId})`}`,
    ]),
    ['submission', `${run.submission}${run.retryOf === undefined ? '' : `, again after ${run.retryOf}`}`],
    ['submitted', ago(run.createdAt)],
    ...(run.judgedAt === undefined ? [] : [['judged', ago(run.judgedAt)]]),
    ...(run.deadline === undefined ? [] : [['deadline', run.deadline]]),
    ...(run.failure === undefined ? [] : [['failure', run.failure]]),
    ...(run.known === undefined
      ? []
      : [['known', `${run.known.id} ${run.known.link}${run.known.why === '' ? '' : `: ${run.known.why}`}`]]),
    ...(run.kept === undefined ? [] : [['kept', keptText(run.kept)]]),
    ...(run.incident === undefined ? [] : [['incident', `${run.incident}: testyard show ${run.incident}`]]),
    ...(run.evidence === undefined ? [] : [['evidence', JSON.stringify(run.evidence)]]),
  ]);
  for (const attempt of run.attemptList) showAttempt(screen, attempt);
  if (run.attemptList.some((attempt) => attempt.places.some((place) => place.outputBytes > 0)))
    screen.line(`\nits output: testyard logs ${run.id}`);
  if (run.attemptList.some(({ attachments }) => attachments.length > 0))
    screen.line(`its files: testyard attachments ${run.id} --to FOLDER`);
}

function keptText({ host, person, until, over }: NonNullable<RunDetail['kept']>): string {
  if (over) return `${host} was kept for ${person}, and has been given back`;
  return `${host} is kept for ${person} until ${until}; give it back: testyard reserve ${host} --end`;
}

/** What a run is aimed at, in words; '' is any host. */
function targetOf({ target = {} }: RunDetail): string {
  if (target.each !== undefined) return `each ${target.each.replace('_', ' ')}`;
  if (target.host !== undefined) return `host ${target.host}`;
  return target.hostType === undefined ? '' : `hosts of type ${target.hostType}`;
}

function showAttempt(screen: Screen, attempt: AttemptView): void {
  const hosts = attempt.places.map((place) => `${place.host}${place.fresh ? ' (fresh)' : ''}`).join(', ');
  const outcome = (attempt.outcome ?? 'goes on').replaceAll('_', ' ');
  screen.line(`\nattempt ${attempt.number} (${attempt.id}) on ${hosts} by ${attempt.executor}: ${outcome}`);
  screen.table(
    attempt.steps.map((step) => [
      `  ${step.kind}`,
      step.step,
      resultCell(step.result ?? 'goes on'),
      step.durationS === undefined ? '' : span(step.durationS * 1000),
      [step.exitCode === undefined ? '' : `exit ${step.exitCode}`, step.message ?? '']
        .filter(Boolean)
        .join(': '),
    ]),
  );
  screen.table(
    attempt.cases.map((one) => [
      '  case',
      one.name,
      resultCell(one.result),
      one.measurement === undefined ? '' : `${one.measurement.raw} ${one.measurement.unit}`,
      one.judged === undefined ? one.message : `${one.judged.is.replaceAll('_', ' ')}: ${one.judged.why}`,
    ]),
  );
  screen.table(
    attempt.measured.map((one) => [
      '  measured',
      one.case ?? 'the run',
      `${one.name} by ${one.handler}`,
      `${one.raw} ${one.unit}`,
    ]),
  );
  screen.table(attempt.attachments.map((one) => ['  left', one.name, ...about(one)]));
}

function showSubmission(screen: Screen, submission: SubmissionView): void {
  const name = submission.name === '' ? '' : ` ${submission.name}`;
  const total = submission.runCount === undefined ? 'not unfolded yet' : `${submission.runCount} runs`;
  screen.line(
    `${submission.id}${screen.paint('strong', name)} by ${submission.actor}, ${ago(submission.createdAt)}: ${total}, ${counted(submission.counts)}`,
  );
  for (const left of submission.leftOut ?? [])
    screen.line(
      `left out: ${left.count} ${left.each.replace('_', ' ')}${left.count === 1 ? '' : 's'} (${plain(left.names.slice(0, 3).join(', '))}${left.count > 3 ? ', ...' : ''}): ${plain(left.reason)}`,
    );
}

function showIncident(screen: Screen, incident: IncidentView): void {
  const state: Cell =
    incident.closedAt === undefined
      ? { text: `open since ${ago(incident.openedAt)}`, tone: 'warn' }
      : { text: `closed ${ago(incident.closedAt)}: ${incident.closeReason ?? ''}`, tone: 'good' };
  screen.line(`${incident.id} ${screen.paint('strong', incident.title)}`);
  screen.table([
    ['state', state],
    ['scope', [incident.scope, incident.step, incident.host, incident.test].filter(Boolean).join(', ')],
    ['owner', incident.owner],
    ['error', incident.signature],
    ['holds', `${incident.holds} runs`],
    [
      'checks',
      `${incident.checks} so far${incident.nextCheckAt === undefined ? '' : `, the next ${incident.nextCheckAt}`}`,
    ],
  ]);
  screen.line('evidence');
  screen.table(
    incident.evidence.map((e) => [
      `  ${e.work}`,
      e.host ?? '',
      e.ok ? { text: 'ok', tone: 'good' as const } : { text: 'failed', tone: 'bad' as const },
      e.run ?? '',
      e.detail,
    ]),
  );
  showTold(screen, incident);
}

/** Whom the grid has told of an incident, and what has become of it. */
function showTold(screen: Screen, { told }: IncidentView): void {
  screen.line(told.length === 0 ? 'nobody was told' : 'told');
  screen.table(
    told.map(({ message, via, to, kind, sentAt, givenUpAt, tries, error }) => [
      `  ${message}`,
      kind,
      via.replace('_', ' '),
      plain(to),
      sentAt !== undefined
        ? { text: `${via === 'digest' ? 'gathered' : 'sent'} ${ago(sentAt)}`, tone: 'good' as const }
        : givenUpAt !== undefined
          ? { text: `given up ${ago(givenUpAt)}: ${plain(error ?? '')}`, tone: 'bad' as const }
          : {
              text: error === undefined ? 'waits' : `tried ${tries} times: ${plain(error)}`,
              tone: 'warn' as const,
            },
    ]),
  );
}

function resultCell(result: string): Cell {
  const text = result.replaceAll('_', ' ');
  if (result === 'ok' || result === 'pass') return { text, tone: 'good' };
  if (result === 'failed' || result === 'fail' || result === 'timed_out') return { text, tone: 'bad' };
  return { text, tone: 'quiet' };
}
