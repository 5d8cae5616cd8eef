import type { HostsForView, TestsForView } from '../http/contract.js';
import { answersOf, askAbout } from './asking.js';
import { EXIT, Failure } from './failure.js';
import { type Cell, plain, type Screen } from './screen.js';
import type { Setting } from './setting.js';

/** What is to go together with what. */
export interface CompatibleOptions {
  readonly inventory?: string;
  readonly project?: string;
  readonly type?: string;
  readonly grid?: boolean;
  readonly test?: string;
}

/** Tests that can run on a host, a type of hosts or the grid; or the hosts for a test. */
export async function compatible(
  setting: Setting,
  host: string | undefined,
  options: CompatibleOptions,
): Promise<number> {
  const { inventory, project, type, grid, test } = options;
  const said = [host, type, grid, test].filter((one) => one !== undefined).length;
  if (said !== 1) throw new Failure('say one of: a host, --type TYPE, --grid, --test FILE-or-NAME');
  const { screen, json } = setting;
  if (test !== undefined) {
    const view = await askAbout(test, project, async (asked) =>
      (await answersOf(setting, inventory)).hostsFor(asked),
    );
    if (json) screen.json(view);
    else showHosts(screen, view);
    return view.types.some(({ yes, bySteps }) => yes.length + bySteps.length > 0) ? EXIT.ok : EXIT.unanswered;
  }
  const answers = await answersOf(setting, inventory);
  const view = await answers.testsFor({ host, hostType: type, project });
  if (json) screen.json(view);
  else showTests(screen, view);
  return EXIT.ok;
}

type TestThere = TestsForView['tests'][number];

function showTests(screen: Screen, { host, hostType, hosts, tests }: TestsForView): void {
  if (tests.length === 0) {
    screen.note('no test is known here: name some in the inventory, or submit one');
    return;
  }
  const able = tests.filter(({ ever }) => ever > 0);
  const there =
    host ?? (hostType === undefined ? `the grid (${some(hosts)})` : `${hostType} (${some(hosts)})`);
  screen.line(`${screen.paint('strong', there)}: ${able.length} of ${tests.length} tests can run there`);
  const many = host === undefined;
  const several = new Set(tests.map(({ project }) => project)).size > 1;
  const head = ['TEST', ...(many ? ['HOSTS'] : []), 'CAN', 'WHY'].map((text) => ({
    text,
    tone: 'quiet' as const,
  }));
  const order = (one: TestThere) => (one.ever > 0 ? (one.asTheyAre > 0 ? 0 : 1) : one.perhaps > 0 ? 2 : 3);
  const rows = [...tests]
    .sort((a, b) => order(a) - order(b))
    .map((one): (Cell | string)[] => [
      several ? `${one.project}/${one.test}` : one.test,
      ...(many ? [`${one.ever}`] : []),
      canCell(one),
      whyOf(one, many),
    ]);
  screen.table([head, ...rows]);
}

function canCell({ ever, asTheyAre, perhaps }: TestThere): Cell {
  if (asTheyAre > 0) return { text: 'yes', tone: 'good' };
  if (ever > 0) return { text: 'by steps', tone: 'good' };
  return perhaps > 0 ? { text: 'perhaps', tone: 'warn' } : { text: 'no', tone: 'bad' };
}

function whyOf({ steps = [], nearest, why = '', ever }: TestThere, many: boolean): string {
  const by = steps.length === 0 ? '' : steps.join(', then ');
  if (ever > 0) return [by, why].filter((part) => part !== '').join('; ');
  return many && nearest !== undefined ? `nearest ${nearest.host}: ${why}` : why;
}

/** Names that are shown of many. */
const MOST_SHOWN = 8;

function showHosts(screen: Screen, { test, requirement, types }: HostsForView): void {
  const count = (of: (type: HostsForView['types'][number]) => readonly string[]) =>
    types.reduce((sum, type) => sum + of(type).length, 0);
  const [yes, bySteps, unknown] = [count((t) => t.yes), count((t) => t.bySteps), count((t) => t.unknown)];
  const able = yes + bySteps;
  const what = test ?? (requirement === '' ? 'a test without needs' : requirement);
  const detail = [
    ...(bySteps > 0 ? [`${bySteps} by steps`] : []),
    ...(unknown > 0 ? [`${unknown} perhaps`] : []),
  ].join(', ');
  const head = `${screen.paint('strong', plain(what))}: ${able === 0 ? 'no host' : some(able)} could serve it`;
  screen.line(`${head}${detail === '' ? '' : ` (${detail})`}`);
  if (test !== undefined && requirement !== '')
    screen.line(screen.paint('quiet', `  needs ${plain(requirement)}`));
  const rows = types.flatMap((type): (Cell | string)[][] => {
    const lines: [Cell, string][] = [];
    const tell = (cell: Cell, names: readonly string[], more = '') => {
      if (names.length > 0) lines.push([cell, `${shortList(names)}${more}`]);
    };
    tell({ text: 'yes', tone: 'good' }, type.yes);
    tell({ text: 'by steps', tone: 'good' }, type.bySteps, `: ${(type.steps ?? []).join(', then ')}`);
    tell({ text: 'perhaps', tone: 'warn' }, type.unknown);
    tell({ text: 'not allowed', tone: 'bad' }, type.barred);
    tell({ text: 'no', tone: 'bad' }, type.no);
    const { nearest } = type;
    if (nearest !== undefined)
      lines.push([
        { text: 'nearest', tone: 'quiet' },
        `${nearest.host}: ${nearest.lacks.map(({ why }) => why).join('; ')}`,
      ]);
    return lines.map(([cell, text], n) => [n === 0 ? type.type : '', cell, text]);
  });
  screen.table(
    rows.map(([type = '', ...rest]) => [
      { text: `  ${typeof type === 'string' ? type : type.text}` },
      ...rest,
    ]),
  );
}

function shortList(names: readonly string[]): string {
  const more = names.length - MOST_SHOWN;
  return names.slice(0, MOST_SHOWN).join(' ') + (more > 0 ? ` and ${more} more` : '');
}

function some(hosts: number): string {
  return hosts === 1 ? '1 host' : `${hosts} hosts`;
}
