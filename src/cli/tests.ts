import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestView } from '../http/contract.js';
import { answersOf } from './asking.js';
import { EXIT, Failure } from './failure.js';
import { ago, type Cell, type Screen } from './screen.js';
import type { Setting } from './setting.js';
import { verdictWord } from './words.js';

/** Which tests are wanted. */
export interface TestsOptions {
  readonly inventory?: string;
  readonly project?: string;
  readonly label?: readonly string[];
}

/** The tests that are known to a grid or an inventory; or the test files of a folder. */
export async function tests(
  setting: Setting,
  folder: string | undefined,
  { inventory, project, label = [] }: TestsOptions,
): Promise<number> {
  const { screen, json } = setting;
  if (folder !== undefined && inventory !== undefined)
    throw new Failure('say either a folder of test files or --inventory');
  const { found, wrong } =
    folder === undefined
      ? { found: await (await answersOf(setting, inventory)).tests(project), wrong: [] }
      : await inFolder(folder);
  const shown = found.filter(({ labels }) => label.every((one) => labels.includes(one)));
  if (json) screen.json(shown);
  else if (shown.length === 0 && wrong.length === 0) screen.note('no such test');
  else if (shown.length > 0) show(screen, shown);
  for (const line of wrong) screen.note(line);
  return wrong.length > 0 ? EXIT.usage : EXIT.ok;
}

function show(screen: Screen, list: readonly TestView[]): void {
  const several = new Set(list.map(({ project }) => project)).size > 1;
  const serve = list.some((test) => test.serve !== undefined);
  const last = list.some((test) => test.last !== undefined);
  const owned = list.some((test) => test.owner !== undefined);
  const head = [
    'TEST',
    ...(last ? ['LAST', 'WHEN'] : []),
    ...(serve ? ['HOSTS'] : []),
    ...(owned ? ['OWNER'] : []),
    'LABELS',
    'NEEDS',
  ].map((text) => ({ text, tone: 'quiet' as const }));
  const rows = list.map((test): (Cell | string)[] => [
    several ? `${test.project}/${test.name}` : test.name,
    ...(last ? lastCells(test) : []),
    ...(serve ? [serveCell(test)] : []),
    ...(owned ? [test.owner ?? '-'] : []),
    test.labels.join(' ') || '-',
    test.requirement === '' ? 'nothing' : test.requirement,
  ]);
  screen.table([head, ...rows]);
}

function lastCells({ last }: TestView): readonly (Cell | string)[] {
  if (last === undefined) return [{ text: 'never ran', tone: 'quiet' }, '-'];
  return [verdictWord(last.verdict as Parameters<typeof verdictWord>[0], last.noVerdict), ago(last.judgedAt)];
}

function serveCell({ serve }: TestView): Cell {
  if (serve === undefined) return { text: '-' };
  const { ever, perhaps } = serve;
  if (ever > 0) return { text: perhaps > 0 ? `${ever} + ${perhaps}?` : `${ever}` };
  return perhaps > 0 ? { text: `0 + ${perhaps}?`, tone: 'warn' } : { text: 'none', tone: 'bad' };
}

/** The test files of a folder, read with the tags that come along. */
async function inFolder(folder: string): Promise<{ found: readonly TestView[]; wrong: readonly string[] }> {
  const { readTestFile } = await import('../adapters/test-file.js');
  const { catalogueHere } = await import('./local-tags.js');
  const catalogue = await catalogueHere();
  const names = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(
      error.code === 'ENOENT' ? `there is no folder ${folder}` : `${folder}: ${error.message}`,
    );
  });
  const found: TestView[] = [];
  const wrong: string[] = [];
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isFile() || /^\.|~$|^README/i.test(entry.name)) continue;
    const file = path.join(folder, entry.name);
    const bytes = await readFile(file);
    // A tag that only some grid knows is no mistake of the file's: then any well-formed name is taken.
    const known = readTestFile({ name: file, bytes }, catalogue);
    const plain = readTestFile({ name: file, bytes }, undefined);
    const read = !known.ok && plain.ok ? plain : known;
    if (!read.ok) {
      wrong.push(
        ...read.problems.map((p) => `${[file, p.line, p.column].filter(Boolean).join(':')}: ${p.message}`),
      );
      continue;
    }
    const { name, requirement, owner, labels, timeoutMs } = read.spec;
    found.push({
      project: 'default',
      name,
      requirement,
      ...(owner === undefined ? {} : { owner }),
      labels: [...labels],
      timeoutS: timeoutMs / 1000,
    });
  }
  return { found, wrong };
}
