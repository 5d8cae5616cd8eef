import { shown } from '../adapters/yaml-source.js';
import type { PlaceOptions } from './place.js';
import type { PlannedRun } from './run-attempt.js';
import { placeOf } from './run-place.js';
import { noteLine } from './run-say.js';
import { type PlannedRuns, planRuns, type TestOptions } from './run-tests.js';
import { plain, type Screen, size } from './screen.js';
import type { Setting } from './setting.js';

/** Reads tests as `run` does and says what each is, needs and brings along; nothing is run. */
export async function check(
  { screen, json }: Setting,
  what: readonly string[],
  options: PlaceOptions & TestOptions,
): Promise<number> {
  const planned = await planRuns(what, { ...options, trustHandlers: true }, await placeOf(options));
  try {
    if (json) screen.json({ tests: planned.runs.map((run) => asJson(run, planned)), others: planned.others });
    else for (const run of planned.runs) show(screen, run, planned);
    return 0;
  } finally {
    await planned.remove();
  }
}

function asJson({ spec, file, variant, packed, needs }: PlannedRun, { notes }: PlannedRuns) {
  const { name, owner, requirement, lava, source, tree } = spec;
  const { params, deps, installSteps, steps, parse, folder, repositories } = lava ?? {};
  return {
    ...{ test: name, file, owner, requirement, variant, source, folder, params, deps, parse, repositories },
    ...(lava === undefined ? {} : { installSteps: installSteps?.length, steps: steps?.length }),
    ...(tree === undefined ? {} : { tree: { ...tree, files: packed?.paths.size } }),
    ...('lacks' in needs ? { lacks: needs.lacks } : {}),
    notes: (notes.get(file ?? '') ?? []).map(({ message, line, column }) => ({ message, line, column })),
  };
}

function show(
  screen: Screen,
  { spec, file = '', title, packed, needs }: PlannedRun,
  planned: PlannedRuns,
): void {
  const { lava, tree, requirement } = spec;
  screen.line(`${screen.paint('good', 'ok')} ${plain(title)}${file === '' ? '' : ` (${plain(file)})`}`);
  const line = (what: string, text: string) => screen.line(`   ${what.padEnd(8)} ${plain(text)}`);
  line('needs', requirement === '' ? 'nothing' : requirement);
  if ('lacks' in needs) for (const { why } of needs.lacks) line('', `not here: ${why}`);
  if (lava !== undefined) {
    const params = Object.entries({ ...lava.params, ...spec.environment });
    if (params.length > 0)
      line('params', params.map(([name, value]) => `${name}='${shown(value)}'`).join(' '));
    if (lava.deps.length > 0) line('installs', lava.deps.join(' '));
    line(
      'steps',
      `${lava.steps.length}${lava.installSteps.length > 0 ? `, and ${lava.installSteps.length} to install` : ''}`,
    );
    if (lava.parse !== undefined) line('parses', lava.parse.pattern);
    for (const { url, at, commit = '' } of lava.repositories ?? [])
      line('fetches', `${url} ${commit} as ${at}`);
  }
  if (tree !== undefined) line('brings', `${packed?.paths.size} files, ${size(tree.bytes)} packed`);
  for (const note of planned.notes.get(file) ?? []) line('note', noteLine(note));
}
