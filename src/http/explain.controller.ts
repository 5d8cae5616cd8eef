import { Controller, Inject } from '@nestjs/common';
import { demandOf, hostsForTest, type PlacedTest, partOf, testsThere } from '../domain/explain/compatible.js';
import { explain } from '../domain/explain/explain.js';
import { type Ground, questionOf } from '../domain/explain/ground.js';
import { TagUse } from '../domain/explain/tag-use.js';
import { hostsForTold, tell, testThereTold } from '../domain/explain/told.js';
import { showId } from '../domain/id.js';
import { nearest } from '../domain/language/nearest.js';
import { readRequirement } from '../domain/language/read.js';
import { canonical } from '../domain/requirement.js';
import { explainRun } from '../stages/explain.js';
import type { StandingIndex } from '../stages/standing-index.js';
import { findProject, type Visible } from '../store/access.js';
import { askedNow, findRunToExplain, testsToPlace } from '../store/explaining.js';
import { readLavaMapping } from '../store/grid.js';
import type { Store } from '../store/store.js';
import { findTests, readTestNames } from '../store/test.js';
import type { AnswerView, HostsForView, TagDetail, TestsForView } from './contract.js';
import { INJECT, type ReadTestFile } from './deps.js';
import { withinProject } from './grid.controller.js';
import { type Mistake, notFound, unprocessable } from './problem.js';
import { printable, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { inTurns } from './turns.js';

/** Why something waits or cannot be, who could serve what, and what tags are for. */
@Controller()
export class ExplainController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.standing) private readonly standing: StandingIndex,
    @Inject(INJECT.readTestFile) private readonly readTestFile: ReadTestFile,
  ) {}

  @Serves('explainRun')
  async run(@Ask() ask: Asked<'explainRun'>): Promise<AnswerView> {
    const run = await findRunToExplain(this.store, ask.visible, wantId('run', ask.params.run));
    if (run === undefined) throw notFound(`run ${ask.params.run}`);
    const { explanation, demand, avoids } = await explainRun(this.store, this.standing, run);
    const { host, hostType } = demand.target;
    const { verdict, noVerdict, incident, deadline, notBefore } = run;
    return {
      project: run.project,
      test: run.test,
      run: {
        id: showId('run', run.id),
        state: run.state,
        reason: run.reason,
        ...(verdict === null ? {} : { verdict }),
        ...(noVerdict === null ? {} : { noVerdict }),
        ...(run.host === null ? {} : { host: run.host }),
        ...(incident === null ? {} : { incident }),
        ...(deadline === null || !Number.isFinite(deadline.valueOf())
          ? {}
          : { deadline: deadline.toISOString() }),
        ...(notBefore === null ? {} : { notBefore: notBefore.toISOString() }),
        fresh: demand.fresh,
        avoids: [...avoids],
      },
      target: { ...(host === undefined ? {} : { host }), ...(hostType === undefined ? {} : { hostType }) },
      explanation: tell(explanation),
    };
  }

  @Serves('explain')
  async requirement(@Ask() ask: Asked<'explain'>): Promise<AnswerView> {
    const { host, hostType, project } = ask.body;
    const ground = await this.standing.ground(this.store);
    const target = {
      ...(host === undefined ? {} : { host }),
      ...(hostType === undefined ? {} : { hostType }),
    };
    wantThere(ground, target);
    const test = await this.meant(ask, ground);
    const explanation = explain(questionOf(demandOf(test, ground, target), ground));
    return {
      project,
      ...(test.name === '' ? {} : { test: test.name }),
      target,
      explanation: tell(explanation),
    };
  }

  @Serves('testsFor')
  async testsFor(@Ask() ask: Asked<'testsFor'>): Promise<TestsForView> {
    const { host, hostType, project } = ask.query;
    const within = await withinProject(this.store, ask.visible, project);
    const tests = await testsToPlace(this.store, within);
    const ground = await this.standing.ground(this.store);
    const target = {
      ...(host === undefined ? {} : { host }),
      ...(hostType === undefined ? {} : { hostType }),
    };
    wantThere(ground, target);
    const part = partOf(ground, target);
    const told: TestsForView['tests'] = [];
    for await (const there of inTurns(testsThere(tests, part))) told.push(testThereTold(there));
    return { ...target, hosts: part.hosts.size, tests: told };
  }

  @Serves('hostsFor')
  async hostsFor(@Ask() ask: Asked<'hostsFor'>): Promise<HostsForView> {
    const ground = await this.standing.ground(this.store);
    const test = await this.meant(ask, ground);
    const demand = demandOf(test, ground);
    return {
      project: ask.body.project,
      ...(test.name === '' ? {} : { test: test.name }),
      requirement: demand.requirement,
      types: hostsForTest(demand, ground).map(hostsForTold),
    };
  }

  @Serves('listTags')
  async tags(@Ask() ask: Asked<'listTags'>) {
    return { items: (await this.use(ask.visible)).lines() };
  }

  @Serves('readTag')
  async tag(@Ask() ask: Asked<'readTag'>): Promise<TagDetail> {
    const use = await this.use(ask.visible);
    const told = use.told(ask.params.tag);
    if (told !== undefined) return told;
    const near = nearest(ask.params.tag, use.names);
    const hint = near === undefined ? '' : ` (did you mean '${near}'?)`;
    throw notFound(`tag '${printable(ask.params.tag)}'${hint}`);
  }

  private async use(visible: Visible): Promise<TagUse> {
    const [tests, asked] = await Promise.all([
      testsToPlace(this.store, visible),
      askedNow(this.store, visible),
    ]);
    return new TagUse(await this.standing.ground(this.store), tests, asked);
  }

  /** What is asked about: a requirement as it is written, a test of the grid, or a file. */
  private async meant(ask: Asked<'explain'> | Asked<'hostsFor'>, ground: Ground): Promise<PlacedTest> {
    const { project, requirement, test, file } = ask.body;
    const projectId = await findProject(this.store, ask.visible, project);
    if (projectId === undefined) throw notFound(`project '${printable(project)}'`);
    if (file !== undefined) {
      const bytes = Buffer.from(file.content, 'base64');
      const mapping = await readLavaMapping(this.store);
      const read = this.readTestFile({ name: file.name, bytes }, ground.catalogue, mapping);
      if (!read.ok) refuse(read.problems.map((problem) => ({ where: file.name, ...problem })));
      else return { name: read.spec.name, project, requirement: read.spec.requirement };
    }
    if (test !== undefined) {
      const found = (await findTests(this.store, projectId, [test])).get(test);
      if (found !== undefined) return { name: test, project, requirement: found.requirement };
      const near = nearest(test, await readTestNames(this.store, projectId));
      const hint = near === undefined ? '' : ` (did you mean '${near}'?)`;
      throw notFound(`test '${printable(test)}' in project '${project}'${hint}`);
    }
    const texts = typeof requirement === 'string' ? [requirement] : (requirement ?? []);
    const items = texts.map((text, n) => ({ kind: 'text', text, at: { line: n + 1, column: 1 } }) as const);
    const read = readRequirement(
      items.filter(({ text }) => text.trim() !== ''),
      ground.catalogue,
    );
    const mistakes = read.problems.map(({ at, message }) => ({ where: 'requirement', ...at, message }));
    if (mistakes.length > 0) refuse(mistakes);
    return { name: '', project, requirement: canonical(read.requirement) };
  }
}

function refuse(mistakes: readonly Mistake[]): never {
  throw unprocessable('The question is not understood', mistakes);
}

/** Refuses a host or host type that is not there, with the nearest that is. */
function wantThere(ground: Ground, target: { readonly host?: string; readonly hostType?: string }): void {
  const hosts = [...ground.hosts.values()];
  const want = (kind: string, wanted: string | undefined, there: ReadonlySet<string>) => {
    if (wanted === undefined || there.has(wanted)) return;
    const near = nearest(wanted, there);
    const hint = near === undefined ? '' : ` (did you mean '${near}'?)`;
    throw notFound(`${kind} '${printable(wanted)}'${hint}`);
  };
  want('host', target.host, new Set(hosts.map(({ name }) => name)));
  want('host type', target.hostType, new Set(hosts.map(({ type }) => type)));
}
