import { Controller, Inject } from '@nestjs/common';
import type { Answer } from '../domain/answer/answer.js';
import type { Guidance } from '../domain/culprit/question.js';
import { type Id, readId, showId } from '../domain/id.js';
import { nearest } from '../domain/requirement.js';
import { isPerson } from '../domain/tell/telling.js';
import { giveAnswer } from '../stages/answer.js';
import type { StandingIndex } from '../stages/standing-index.js';
import { startSearch, type WantedSearch } from '../stages/start-search.js';
import { findProject, mayPush } from '../store/access.js';
import { type Accusation, accusationsIn, readPeople } from '../store/answering.js';
import { guideSearch, type RunWithVersions, runWithVersions } from '../store/hunting.js';
import {
  accusationsOf,
  findSearch,
  listIntakes,
  listPins,
  listSearches,
  type SearchRow,
  toldOfSearch,
  trialsOf,
} from '../store/searches.js';
import { type Store, wake } from '../store/store.js';
import { findTests, readTestNames } from '../store/test.js';
import type { SearchDetail } from './contract.js';
import { INJECT } from './deps.js';
import { withinProject } from './grid.controller.js';
import { conflict, forbidden, notFound, type Refusal, unprocessable } from './problem.js';
import { IdKey, pageView, printable, readCursor, wantId } from './reading.js';
import { lineChange, searchView } from './search-view.js';
import { Ask, type Asked, Serves } from './serve.js';
import { wantSubmitter } from './submission.controller.js';

/** Pins of one search that are shown. */
const PINS_SHOWN = 100;

/** Hunts for the change that broke something, and what follows from them. */
@Controller()
export class SearchController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.standing) private readonly standing: StandingIndex,
  ) {}

  @Serves('listSearches')
  async list(@Ask() ask: Asked<'listSearches'>) {
    const page = await listSearches(this.store, await this.wanted(ask));
    return pageView({ ...page, items: page.items.map(searchView) });
  }

  @Serves('listPins')
  async pins(@Ask() ask: Asked<'listPins'>) {
    return pageView(await listPins(this.store, await this.wanted(ask)));
  }

  @Serves('listIntakes')
  async intakes(@Ask() ask: Asked<'listIntakes'>) {
    return pageView(await listIntakes(this.store, await this.wanted(ask)));
  }

  @Serves('readSearch')
  async read(@Ask() ask: Asked<'readSearch'>): Promise<SearchDetail> {
    return await this.detail(await this.find(ask));
  }

  @Serves('startSearch')
  async start(@Ask() ask: Asked<'startSearch'>): Promise<SearchDetail> {
    const { project, test, good, bad, from, to, predicate, consequences, why } = ask.body;
    const projectId = await findProject(this.store, ask.visible, project);
    if (projectId === undefined) throw notFound(`project '${project}'`);
    wantSubmitter(ask.caller, projectId, project);
    if (consequences && !ask.caller.gridAdmin)
      throw forbidden('That a search holds changes back and tells their owners takes a grid admin');
    const between: WantedSearch['between'] =
      good !== undefined && bad !== undefined
        ? { good: await this.run(ask, 'good', good, test), bad: await this.run(ask, 'bad', bad, test) }
        : { from: from ?? {}, to: to ?? {} };
    if ('good' in between && between.good.verdict !== 'passed')
      throw wrong('good', `run ${good} did not pass: name one that did`);
    const found = await this.test(projectId, project, test);
    const { steps } = await this.standing.ground(this.store);
    const asked = { projectId, test: found, between, predicate, consequences, actor: ask.caller.name, why };
    const made = await this.store.transaction((tx) => startSearch(tx, asked, steps));
    if ('wrong' in made) throw unprocessable('There is nothing to search', made.wrong);
    return await this.seen(made.id);
  }

  @Serves('guideSearch')
  async guide(@Ask() ask: Asked<'guideSearch'>): Promise<SearchDetail> {
    const search = await this.toChange(ask);
    const numberOf = (where: string, change: string): number => {
      const at = search.line.findIndex(({ id }) => id === readId('change', change));
      if (at === -1)
        throw wrong(
          where,
          `${change} is not among the changes of q${search.id}: testyard search q${search.id}`,
        );
      return at + 1;
    };
    const { exclude, weigh } = ask.body;
    const guidance: Guidance[] = [
      ...(exclude.length === 0
        ? []
        : [
            {
              kind: 'exclude' as const,
              changes: exclude.map((one, n) => numberOf(`exclude[${n}]`, one)),
            },
          ]),
      ...Object.entries(weigh).map(([change, factor]) => ({
        ...{ kind: 'weigh' as const, factor },
        changes: [numberOf(`weigh.${change}`, change)],
      })),
    ];
    if (guidance.length === 0) throw wrong('exclude', 'say a change to exclude, or one to weigh');
    return await this.guided(ask, search, guidance);
  }

  @Serves('stopSearch')
  async stop(@Ask() ask: Asked<'stopSearch'>): Promise<SearchDetail> {
    return await this.guided(ask, await this.toChange(ask), [{ kind: 'stop' }]);
  }

  @Serves('answerSearch')
  async answer(@Ask() ask: Asked<'answerSearch'>): Promise<SearchDetail> {
    const { id, project, projectId } = await this.find(ask);
    const { caller } = ask;
    const mayAll = mayPush(caller, projectId);
    const all = await accusationsIn(this.store, ask.visible, id);
    if (all.length === 0 && mayAll)
      throw conflict(`Search q${id} has accused nobody: there is nothing to answer`);
    const people = await readPeople(this.store);
    const one = theOne(all, ask.body.change, (owner) => isPerson(owner, caller.name, people), mayAll);
    if (one === undefined)
      throw forbidden(
        `This takes the owner of what search q${id} found, the role developer of ${project}, or a grid admin`,
      );
    if (ask.body.answer === 'theirs' && !caller.gridAdmin)
      throw forbidden('To decide that it is this change after all takes a grid admin');
    const given = answerIn(ask.body);
    const refused = await this.store.transaction((tx) =>
      giveAnswer(tx, one, given, caller.name, caller.gridAdmin),
    );
    if (refused !== undefined) throw conflict(`It cannot be answered so: ${refused}`);
    return await this.seen(id);
  }

  private async guided(
    ask: Asked<'guideSearch'> | Asked<'stopSearch'>,
    { id }: SearchRow,
    guidance: readonly Guidance[],
  ): Promise<SearchDetail> {
    const isOpen = await this.store.transaction(async (tx) => {
      const done = await guideSearch(tx, id, guidance, ask.caller.name);
      if (done) await wake(tx, 'testyard_scheduler', 'testyard_history');
      return done;
    });
    if (!isOpen) throw conflict(`Search q${id} is over: its answer stands`);
    return await this.seen(id);
  }

  private async wanted({ visible, query }: Asked<'listSearches' | 'listPins' | 'listIntakes'>) {
    const { project, open, limit, cursor } = query;
    return {
      visible: await withinProject(this.store, visible, project),
      open: open === undefined ? undefined : open === 'true',
      before: readCursor(IdKey, cursor),
      limit,
    };
  }

  private async find(
    ask: Asked<'readSearch' | 'guideSearch' | 'stopSearch' | 'answerSearch'>,
  ): Promise<SearchRow> {
    const id = wantId('search', ask.params.search);
    const row = await findSearch(this.store, ask.visible, id);
    if (row === undefined) throw notFound(`search q${id}`);
    return row;
  }

  private async toChange(ask: Asked<'guideSearch'> | Asked<'stopSearch'>): Promise<SearchRow> {
    const row = await this.find(ask);
    wantSubmitter(ask.caller, row.projectId, row.project);
    return row;
  }

  private async seen(id: Id): Promise<SearchDetail> {
    const row = await findSearch(this.store, 'all', id);
    if (row === undefined) throw notFound(`search q${id}`);
    return await this.detail(row);
  }

  private async detail(row: SearchRow): Promise<SearchDetail> {
    const { id, line, value } = row;
    const [trials, pins, accusations, told] = await Promise.all([
      trialsOf(this.store, id),
      listPins(this.store, { visible: 'all', search: id, limit: PINS_SHOWN }),
      accusationsOf(this.store, id),
      toldOfSearch(this.store, id),
    ]);
    const { verification } = value;
    return {
      ...searchView(row),
      line: line.map(lineChange),
      trials,
      ...(verification === undefined
        ? {}
        : {
            verified: {
              badWith: verification.badWith,
              goodWith: verification.goodWith,
              badWithout: verification.badWithout,
              goodWithout: verification.goodWithout,
            },
          }),
      pins: pins.items,
      accusations,
      told,
    };
  }

  private async run(
    ask: Asked<'startSearch'>,
    where: 'good' | 'bad',
    shown: string,
    test: string,
  ): Promise<RunWithVersions> {
    const run = await runWithVersions(this.store, ask.visible, wantId('run', shown));
    if (run === undefined) throw notFound(`run ${shown}`);
    if (run.test !== test) throw wrong(where, `run ${shown} is of test '${run.test}', not of '${test}'`);
    if (run.verdict === null) throw wrong(where, `run ${shown} is not done: wait until it is`);
    return run;
  }

  private async test(projectId: Id, project: string, name: string) {
    const found = (await findTests(this.store, projectId, [name])).get(name);
    if (found !== undefined) return found;
    const near = nearest(name, await readTestNames(this.store, projectId));
    const hint = near === undefined ? '' : `: did you mean '${near}'?`;
    throw wrong('test', `project ${project} has no test '${printable(name)}'${hint}`);
  }
}

function wrong(where: string, message: string): Refusal {
  return unprocessable('The search is not understood', [{ where, message }]);
}

/** The accusation that an answer is about, of those that the caller may answer; undefined: there is none. */
function theOne(
  all: readonly Accusation[],
  change: string | undefined,
  isOwn: (owner: string) => boolean,
  mayAll: boolean,
): Accusation | undefined {
  const theirs = mayAll ? all : all.filter(({ owner }) => isOwn(owner));
  if (theirs.length === 0) return undefined;
  const named =
    change === undefined ? theirs : theirs.filter((one) => one.change === readId('change', change));
  const own = named.length > 1 ? named.filter(({ owner }) => isOwn(owner)) : named;
  const [one] = own;
  if (one !== undefined && own.length === 1) return one;
  const some = theirs.map(
    (other) => `${showId('change', other.change)} (${other.component} ${other.version})`,
  );
  throw wrong('change', `say which change the answer is about: ${some.join(', ')}`);
}

function answerIn({ answer, version = '', until = '', why }: Asked<'answerSearch'>['body']): Answer {
  switch (answer) {
    case 'not_mine':
    case 'theirs':
      return { kind: answer, why };
    case 'fixed_in':
      return { kind: answer, version };
    case 'snoozed':
      return { kind: answer, until: new Date(until) };
  }
}
