import { readInventory } from '../adapters/inventory-files.js';
import { readTestFile } from '../adapters/test-file.js';
import { demandOf, hostsForTest, type PlacedTest, partOf, testsThere } from '../domain/explain/compatible.js';
import { declaredGround } from '../domain/explain/declared-ground.js';
import { explain } from '../domain/explain/explain.js';
import { questionOf } from '../domain/explain/ground.js';
import { TagUse } from '../domain/explain/tag-use.js';
import { hostsForTold, tell, testThereTold } from '../domain/explain/told.js';
import type { Inventory } from '../domain/inventory.js';
import { nearest } from '../domain/language/nearest.js';
import { readRequirement } from '../domain/language/read.js';
import { mappingWith } from '../domain/lava/mapping.js';
import { canonical } from '../domain/requirement.js';
import { type Answers, NotThere } from './answers.js';
import type { Aim, Asking } from './client.js';
import { Failure } from './failure.js';

const PROJECT = 'default';

/** Answers from the files of a lab alone: every host idle and well, what is declared believed. */
export async function declaredAnswers(folder: string): Promise<Answers> {
  const read = await readInventory(folder);
  if (!read.ok) {
    const lines = read.problems.map(
      ({ file, line, column, message }) => `  ${[file, line, column].filter(Boolean).join(':')}: ${message}`,
    );
    throw new Failure(`${folder} cannot be used as it is\n${lines.slice(0, 20).join('\n')}`);
  }
  return answersFrom(read.inventory);
}

function answersFrom(inventory: Inventory): Answers {
  const ground = declaredGround(inventory);
  const tests = inventory.tests.map(({ name, requirement }) => ({ name, requirement, project: PROJECT }));
  const use = new TagUse(ground, tests, []);
  const meant = (asked: Asking): PlacedTest => meaning(asked, inventory, ground.catalogue);
  const names = {
    host: inventory.hosts.map(({ name }) => name),
    hostType: inventory.hosts.map(({ type }) => type),
  };
  const wantThere = ({ host, hostType }: Aim) => {
    if (host !== undefined) want('host', host, names.host);
    if (hostType !== undefined) want('host type', hostType, names.hostType);
    return { ...(host === undefined ? {} : { host }), ...(hostType === undefined ? {} : { hostType }) };
  };
  return {
    explain: async (asked) => {
      const target = wantThere(asked);
      const test = meant(asked);
      const explanation = tell(explain(questionOf(demandOf(test, ground, target), ground)));
      return { project: test.project, ...(test.name === '' ? {} : { test: test.name }), target, explanation };
    },
    testsFor: async (aim) => {
      const target = wantThere(aim);
      const part = partOf(ground, target);
      return { ...target, hosts: part.hosts.size, tests: [...testsThere(tests, part)].map(testThereTold) };
    },
    hostsFor: async (asked) => {
      const test = meant(asked);
      const demand = demandOf(test, ground);
      return {
        project: test.project,
        ...(test.name === '' ? {} : { test: test.name }),
        requirement: demand.requirement,
        types: hostsForTest(demand, ground).map(hostsForTold),
      };
    },
    tags: async () => use.lines(),
    tag: async (name) => {
      const told = use.told(name);
      if (told === undefined) want('tag', name, use.names);
      return told ?? unreachable();
    },
    tests: async () =>
      [...testsThere(tests, ground)].map(({ test, explanation: { status, counts } }, n) => {
        const spec = inventory.tests[n];
        const { ever, asTheyAre, free, perhaps } = counts;
        return {
          ...test,
          ...(spec?.owner === undefined ? {} : { owner: spec.owner }),
          labels: [...(spec?.labels ?? [])],
          timeoutS: (spec?.timeoutMs ?? 0) / 1000,
          listed: true,
          serve: { status, ever, asTheyAre, free, perhaps },
        };
      }),
  };
}

function meaning(
  asked: Asking,
  { tests, grid }: Inventory,
  catalogue: Parameters<typeof readTestFile>[1],
): PlacedTest {
  const project = asked.project ?? PROJECT;
  if ('test' in asked) {
    const test = tests.find(({ name }) => name === asked.test);
    if (test === undefined) {
      want(
        'test',
        asked.test,
        tests.map(({ name }) => name),
      );
      return unreachable();
    }
    return { name: test.name, project, requirement: test.requirement };
  }
  if ('file' in asked) {
    const { name, content } = asked.file;
    const read = readTestFile(
      { name, bytes: Buffer.from(content, 'base64') },
      catalogue,
      mappingWith(grid.lava),
    );
    if (read.ok) return { name: read.spec.name, project, requirement: read.spec.requirement };
    const lines = read.problems.map(
      (p) => `  ${[name, p.line, p.column].filter(Boolean).join(':')}: ${p.message}`,
    );
    throw new Failure(`${name} cannot be read as a test\n${lines.join('\n')}`);
  }
  const text = asked.requirement;
  const at = { line: 1, column: 1 };
  const read = readRequirement(text.trim() === '' ? [] : [{ kind: 'text', text, at }], catalogue);
  if (read.problems.length > 0) throw new Failure(read.problems.map(({ message }) => message).join('\n'));
  return { name: '', project, requirement: canonical(read.requirement) };
}

/** Refuses a name that is not there, with the nearest that is. */
function want(kind: string, name: string, there: readonly string[]): void {
  if (there.includes(name)) return;
  const near = nearest(name, there);
  throw new NotThere(
    `There is no ${kind} '${name}'${near === undefined ? '' : ` (did you mean '${near}'?)`}`,
  );
}

function unreachable(): never {
  throw new Error('unreachable: what is not there was refused');
}
