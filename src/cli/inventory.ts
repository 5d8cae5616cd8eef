import type { InventoryProblem } from '../adapters/inventory-thing.js';
import type { Inventory } from '../domain/inventory.js';
import type { InventoryApplied, InventoryDiff, InventoryView } from '../http/contract.js';
import { EXIT, Failure } from './failure.js';
import type { Screen } from './screen.js';
import type { Setting } from './setting.js';
import { counted } from './words.js';

/** Reads a folder as the grid would, without any grid: all that is wrong, and what is in it. */
export async function checkInventory({ screen, json }: Setting, folder: string): Promise<number> {
  const { inventoryFolder } = await import('../adapters/inventory-files.js');
  const { readInventoryFiles } = await import('../adapters/inventory-reading.js');
  const { files = new Map<string, Uint8Array>(), problems } = await inventoryFolder(folder);
  const here = readInventoryFiles(files, { base: folder });
  const wrong = [...problems, ...(here.ok ? [] : here.problems)];
  const sent = readInventoryFiles(files);
  const onlyHere = here.ok && !sent.ok ? sent.problems.map(asSent) : [];
  const warnings = [...here.warnings, ...onlyHere];
  const counts = here.ok ? countsOf(here.inventory) : undefined;
  if (json) screen.json({ ok: wrong.length === 0, problems: wrong, warnings, ...(counts && { counts }) });
  else {
    for (const problem of wrong) screen.line(placed(problem));
    for (const warning of warnings) screen.line(`${screen.paint('warn', 'warning:')} ${placed(warning)}`);
    const also = warnings.length > 0 ? `, ${some(warnings.length, 'warning')}` : '';
    if (wrong.length > 0) screen.line(`${some(wrong.length, 'mistake')}${also}`);
    else if (here.ok) screen.line(`${summary(here.inventory)}; nothing is wrong${also}`);
  }
  return wrong.length > 0 ? EXIT.usage : EXIT.ok;
}

/** Shows what applying a folder would change. */
export async function diffInventory({ client, screen, json }: Setting, folder: string): Promise<number> {
  const diff = await client.diffInventory(await toSend(folder));
  if (json) screen.json(diff);
  else {
    warn(screen, diff);
    show(screen, diff);
    if (diff.changes.length === 0) screen.line('nothing would change');
  }
  return EXIT.ok;
}

/** Makes the grid what a folder says, all or nothing. */
export async function applyInventory(
  { client, screen, json }: Setting,
  folder: string,
  options: { readonly drain?: boolean },
): Promise<number> {
  const applied = await client.applyInventory(await toSend(folder), options.drain === true);
  if (json) screen.json(applied);
  else tell(screen, applied);
  return EXIT.ok;
}

function tell(screen: Screen, applied: InventoryApplied): void {
  warn(screen, applied);
  show(screen, applied);
  if (!applied.changed) screen.line('nothing has changed');
  else {
    const of = (change: string) => applied.changes.filter((one) => one.change === change).length;
    const counts = { added: of('added'), changed: of('changed'), removed: of('removed') };
    screen.line(`applied: ${counted(counts)}`);
  }
  for (const host of applied.draining) screen.line(`${host} gets no more work, and goes when it has none`);
}

function show(screen: Screen, { changes }: InventoryDiff): void {
  for (const { what, name, change, fields } of changes) {
    const sign = { added: '+', removed: '-', changed: '~' }[change];
    const tone = ({ added: 'good', removed: 'bad', changed: 'warn' } as const)[change];
    screen.line(`${screen.paint(tone, sign)} ${what} ${name}`);
    for (const { field, old, new: now } of fields)
      screen.line(`    ${field}: ${oneLine(old ?? 'not said')} -> ${oneLine(now ?? 'not said')}`);
  }
}

function warn(screen: Screen, { warnings }: InventoryDiff): void {
  for (const { where, ...warning } of warnings)
    screen.note(`warning: ${placed({ file: where, ...(warning as Omit<InventoryProblem, 'file'>) })}`);
}

/** Every file of the folder as it is: the grid reads them, so that both say the same of them. */
async function toSend(folder: string): Promise<InventoryView['files']> {
  const { inventoryFolder } = await import('../adapters/inventory-files.js');
  const { files = new Map<string, Uint8Array>(), problems } = await inventoryFolder(folder);
  if (problems.length > 0) throw new Failure(problems.map(placed).join('\n'));
  if (!files.has('grid.yaml')) throw new Failure(`${folder} is no inventory: it has no grid.yaml`);
  return [...files].map(([path, bytes]) => ({ path, content: Buffer.from(bytes).toString('base64') }));
}

function asSent(problem: InventoryProblem): InventoryProblem {
  return { ...problem, message: `only 'up --inventory' takes this: ${problem.message}` };
}

/** `file:line:column: message`, as compilers say it, so that editors find the place. */
function placed({ file, line, column, message }: InventoryProblem): string {
  return `${[file, line, column].filter((part) => part !== undefined).join(':')}: ${oneLine(message)}`;
}

function oneLine(text: string): string {
  return text.replace(/\r?\n/g, '\\n').replace(/\p{Cc}/gu, '?');
}

function countsOf({ grid: _, ...lists }: Inventory): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.length]));
}

function summary(inventory: Inventory): string {
  const { hosts, pools, tags, aliases, resources, steps, tests } = inventory;
  const types = new Set(hosts.map(({ type }) => type)).size;
  const parts: readonly (readonly [number, string])[] = [
    [pools.length, 'pool'],
    [tags.length, 'tag'],
    [aliases.length, 'alias'],
    [resources.length, 'resource'],
    [steps.length, 'step'],
    [tests.length, 'test'],
  ];
  const rest = parts.filter(([count]) => count > 0).map(([count, word]) => some(count, word));
  return [`${some(hosts.length, 'host')} of ${some(types, 'type')}`, ...rest].join(', ');
}

function some(count: number, word: string): string {
  const many = word.endsWith('s') ? `${word}es` : `${word}s`;
  return `${count} ${count === 1 ? word : many}`;
}
