import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  diffEnvironments,
  ENVIRONMENT_PARTS,
  type Environment,
  type EnvironmentDiff,
  type EnvironmentPart,
} from '../domain/environment/environment.js';
import type { DiffView, EnvironmentView } from '../http/contract.js';
import { EXIT, Failure } from './failure.js';
import { ago, type Screen } from './screen.js';
import type { Setting } from './setting.js';

const RUN = /^r[1-9][0-9]*$/;

/** Shows what a run ran on. */
export async function environment(
  { client, screen, json }: Setting,
  run: string,
  { part }: { readonly part?: string },
): Promise<number> {
  if (!RUN.test(run)) throw new Failure(`'${run}' is no run: runs are like r12`);
  if (part !== undefined && !ENVIRONMENT_PARTS.some((one) => one === part))
    throw new Failure(`'${part}' is no part of it: one of ${ENVIRONMENT_PARTS.join(', ')}`);
  const view = await client.environment(run);
  const shown = part === undefined ? view : { ...view, parts: only(view.parts, part as EnvironmentPart) };
  if (json) screen.json(shown);
  else showEnvironment(screen, shown);
  return EXIT.ok;
}

function only(parts: EnvironmentView['parts'], part: EnvironmentPart): EnvironmentView['parts'] {
  const content = parts[part];
  return content === undefined ? {} : { [part]: content };
}

function showEnvironment(screen: Screen, view: EnvironmentView): void {
  screen.line(`${view.run} ${screen.paint('strong', view.test)} on ${view.host}, ${ago(view.at)}`);
  for (const part of ENVIRONMENT_PARTS) {
    const content = view.parts[part];
    if (content === undefined) continue;
    screen.line('');
    screen.line(screen.paint('strong', part));
    screen.table(Object.entries(content).map(([name, value]) => [`  ${name}`, oneLine(value)]));
  }
}

/** Shows in what two runs differ, of the grid or of folders. */
export async function diff(setting: Setting, before: string, after: string): Promise<number> {
  const { screen, json } = setting;
  if (RUN.test(before) !== RUN.test(after))
    throw new Failure(`'${before}' and '${after}': say two runs of the grid, or two folders of results`);
  // The grid is asked for only where it is needed: folders need none.
  if (RUN.test(before)) return showView(setting, await setting.client.diff(before, after));
  const [one, other] = [await inFolder(before), await inFolder(after)];
  const found = diffEnvironments(one, other);
  if (json) screen.json(found);
  else showDiff(screen, found, before, after);
  return EXIT.ok;
}

/** Shows what has changed since a test's last pass. */
export async function changed(
  setting: Setting,
  test: string,
  { project }: { readonly project?: string },
): Promise<number> {
  return showView(setting, await setting.client.changed(test, project));
}

async function inFolder(folder: string): Promise<Environment> {
  const file = path.join(folder, 'environment.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new Failure(
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `${folder} is neither a run (r12) nor a run's folder of 'testyard run --results': no environment.json is there`
        : `${file} cannot be read: ${(error as Error).message}`,
    );
  }
  const parts = partsIn(text);
  if (parts === undefined) throw new Failure(`${file} is no environment record: it has no 'parts'`);
  return parts;
}

function partsIn(text: string): Environment | undefined {
  try {
    const { parts } = JSON.parse(text) as { parts?: unknown };
    return typeof parts === 'object' && parts !== null ? (parts as Environment) : undefined;
  } catch {
    return undefined;
  }
}

function showView({ screen, json }: Setting, view: DiffView): number {
  if (json) screen.json(view);
  else showDiff(screen, view as EnvironmentDiff, titleOf(view.before), titleOf(view.after));
  return EXIT.ok;
}

function titleOf({ run, verdict, host, at }: DiffView['before']): string {
  return `${run} (${verdict ?? 'no verdict yet'} on ${host}, ${ago(at)})`;
}

function showDiff(
  screen: Screen,
  { changes, unknown }: EnvironmentDiff,
  before: string,
  after: string,
): void {
  screen.line(`${before} -> ${after}`);
  if (changes.length === 0) screen.line('no difference in what was seen of both');
  screen.table(
    changes.map(({ part, name, before: was, after: is }) => [
      part,
      name,
      { text: side(was), tone: 'bad' as const },
      '->',
      { text: side(is), tone: 'good' as const },
    ]),
  );
  if (unknown.length > 0) screen.line(`not seen of both: ${unknown.join(', ')}`);
}

/** A side that does not have it at all is not one whose value is empty. */
function side(value: string | undefined): string {
  if (value === undefined) return '(not there)';
  return value === '' ? '(there)' : oneLine(value);
}

function oneLine(value: string): string {
  return value.replaceAll('\n', ' | ');
}
