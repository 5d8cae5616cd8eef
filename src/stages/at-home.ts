import { versionBefore } from '../domain/intake/line.js';
import { bisectCommand, buildCommand, oneWord } from '../domain/tell/build-command.js';
import type { ToldSearch } from '../domain/tell/news.js';
import { placesOfBranch } from '../store/broken-off.js';
import type { Change } from '../store/changing.js';
import type { SearchRow } from '../store/searches.js';
import type { Sql } from '../store/store.js';

type Commands = ToldSearch['commands'];

/**
 * What shows the harm of a change on a machine of one's own: with the change and without it, or what builds it.
 * `partners`: without them it does none.
 */
export async function atHome(
  sql: Sql,
  change: Change,
  partners: readonly Change[],
  row: SearchRow,
): Promise<Commands> {
  const own = row.line.find(({ id }) => id === change.id);
  const before = own && versionBefore(row.line, own);
  if (change.kind === 'git' && row.predicate === 'refused') return await building(sql, change);
  if (change.kind === 'git')
    return await bisecting(sql, change, before ?? `${change.version}^`, row.testFile);
  const puts = (version: string | undefined) => {
    const all = [
      ...partners.map((one) => putIn(one, one.version)),
      version === undefined ? undefined : putIn(change, version),
    ];
    return togetherIn(all.flatMap((one) => one ?? []));
  };
  const run = row.predicate === 'refused' ? [] : [`testyard run ${oneWord(row.testFile)}`];
  const command = (version: string | undefined) => [...puts(version), ...run].join(' && ');
  if (change.kind === 'test')
    return [[command(undefined), 'on a machine of yours: your copy of the test, as it is now']];
  if (putIn(change, '') === undefined) return [];
  const copy = run.length === 0 ? '' : ` (${row.testFile} is your copy of the test)`;
  return [
    [command(change.version), `on a machine of yours: with ${partners.length === 0 ? 'it' : 'both'}${copy}`],
    ...(before === undefined ? [] : [[command(before), 'and without it'] as const]),
  ];
}

async function building(sql: Sql, { component, version }: Change): Promise<Commands> {
  return (await placesOfBranch(sql, component)).flatMap(({ step, recipe }) => {
    const command = recipe === null ? undefined : buildCommand(version, recipe);
    return command === undefined ? [] : [[command, `in a clone of it, what step ${step} does`] as const];
  });
}

/** Each commit is brought to where the test looks for it, as the steps do that bring it to hosts. */
async function bisecting(
  sql: Sql,
  { component, version: bad }: Change,
  good: string,
  file: string,
): Promise<Commands> {
  const places = await placesOfBranch(sql, component);
  const steps = places.map(({ step }) => step).join(' and ');
  const copy = `${file} is your copy of the test`;
  const command = bisectCommand({ good, bad }, file, places);
  if (command !== undefined) {
    const where = places.map(({ into }) => into).join(' and ');
    const what =
      places.length === 0
        ? ''
        : `, and what step ${steps} does, into ${where}, which must not be there before`;
    return [[command, `in a clone of it (${copy}${what})`]];
  }
  const alone = bisectCommand({ good, bad }, file, []) ?? '';
  return [
    [
      alone,
      `in a clone of it (${copy}: let it first do what step ${steps} does, whose recipe is too long for a letter)`,
    ],
  ];
}

/** A package as the one who puts it in names it. */
interface Put {
  readonly by: string;
  readonly what: string;
}

/** One command for each package manager. */
function togetherIn(all: readonly Put[]): readonly string[] {
  const managers = [...new Set(all.map(({ by }) => by))];
  return managers.map((by) => [by, ...all.filter((one) => one.by === by).map(({ what }) => what)].join(' '));
}

function putIn({ kind, component, facts, blob, version: pushed }: Change, version: string): Put | undefined {
  const name = facts.name ?? component.split('/').at(-1) ?? component;
  // No repository has what was pushed: whoever pushed it has the file.
  const isFile = blob !== null && version === pushed;
  switch (kind) {
    case 'apt':
      return {
        by: 'sudo apt-get install --allow-downgrades',
        what: isFile ? `./${name}_${version}_*.deb` : `${name}=${version}`,
      };
    case 'dnf':
      return { by: 'sudo dnf install', what: isFile ? `./${name}-${version}.*.rpm` : `${name}-${version}` };
    case 'git':
    case 'image':
    case 'test':
      return undefined;
  }
}
