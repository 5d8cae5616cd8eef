import { versionBefore } from '../domain/intake/line.js';
import { buildCommand } from '../domain/tell/build-command.js';
import type { ToldSearch } from '../domain/tell/news.js';
import { buildsOf } from '../store/broken-off.js';
import type { Change } from '../store/changing.js';
import type { SearchRow } from '../store/searches.js';
import type { Sql } from '../store/store.js';

/** What shows the harm of a change on a machine of one's own: with the change and without it, or what builds it. */
export async function atHome(
  sql: Sql,
  change: Change,
  { test, line, predicate }: SearchRow,
): Promise<ToldSearch['commands']> {
  const own = line.find(({ id }) => id === change.id);
  const before = own && versionBefore(line, own);
  if (change.kind === 'git' && predicate === 'refused')
    return (await buildsOf(sql, change.component)).flatMap(({ step, recipe }) => {
      const command = buildCommand(change.version, recipe);
      return command === undefined ? [] : [[command, `in a clone of it, what step ${step} does`] as const];
    });
  if (change.kind === 'git') {
    const command = `testyard bisect --good ${before ?? `${change.version}^`} --bad ${change.version} -- ./${test}.sh`;
    return [[command, `in a clone of it (${test}.sh is your copy of the test)`]];
  }
  if (change.kind === 'test')
    return [[`testyard run ${test}.sh`, 'on a machine of yours: your copy of the test, as it is now']];
  const put = (version: string) =>
    `${putIn(change, version)}${predicate === 'refused' ? '' : ` && testyard run ${test}.sh`}`;
  if (putIn(change, '') === '') return [];
  const copy = predicate === 'refused' ? '' : ` (${test}.sh is your copy of the test)`;
  return [
    [put(change.version), `on a machine of yours: with it${copy}`],
    ...(before === undefined ? [] : [[put(before), 'and without it'] as const]),
  ];
}

function putIn({ kind, component, facts, blob, version: pushed }: Change, version: string): string {
  const name = facts.name ?? component.split('/').at(-1) ?? component;
  // No repository has what was pushed: whoever pushed it has the file.
  if (blob !== null && version === pushed) {
    if (kind === 'apt') return `sudo apt-get install --allow-downgrades ./${name}_${version}_*.deb`;
    if (kind === 'dnf') return `sudo dnf install ./${name}-${version}.*.rpm`;
  }
  switch (kind) {
    case 'apt':
      return `sudo apt-get install --allow-downgrades ${name}=${version}`;
    case 'dnf':
      return `sudo dnf install ${name}-${version}`;
    case 'git':
    case 'image':
    case 'test':
      return '';
  }
}
