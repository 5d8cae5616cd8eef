import type { Fact, Lack, PackageTrouble } from '../../domain/judge/fact.js';
import type { Call } from './calls.js';
import type { Hint } from './hints.js';
import { listersOf } from './listers.js';
import { namesOf } from './question.js';
import { isCalled, isCondition, isShown, isTaken, type TextLine, type Use, useInLine, useOf } from './use.js';

/** What the host said when it was asked. */
interface Answers {
  readonly commands: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
  readonly packages: ReadonlyMap<string, PackageTrouble>;
  readonly modules: ReadonlySet<string>;
  /** Folders of the kernel in which nothing is listed. */
  readonly none: ReadonlySet<string>;
  /** Commands of packages that were to be installed whose files are gone. */
  readonly lost: ReadonlySet<string>;
  /** Commands that are there and cannot be started, each with the interpreter that is not. */
  readonly stopped: ReadonlyMap<string, string>;
  readonly repositories: readonly (readonly [string, string])[];
  readonly fetches: ReadonlyMap<string, string>;
  readonly full: readonly string[];
  readonly named: readonly string[];
  readonly wanted: ReadonlySet<string>;
  readonly isSole: boolean;
  /** Commands that do nothing, and by what that was seen. */
  readonly hollow: readonly (readonly [string, string])[];
  /** Commands that are there and never ran, as nothing did of what was asked for with them, and why they were asked for. */
  readonly idle: readonly (readonly [string, string])[];
  readonly tells: readonly string[];
  /** Somewhere the text compares with a literal nothing. */
  readonly comparesNothing: boolean;
  /** Scripts that end with the first command that fails. */
  readonly errexit: ReadonlySet<string>;
  readonly uid: string;
  readonly asksRoot: boolean;
  readonly text: readonly TextLine[];
  /** Functions that look at how the command before them ended. */
  readonly readers: ReadonlySet<string>;
}

const LATE = 'not there when the time was over';
/** So many lines after one that is sought are told with it. */
const LINES_AFTER = 4;
/** More facts than this are not told. */
const MOST_FACTS = 500;
const TROUBLES: ReadonlySet<string> = new Set(['unknown', 'unreachable', 'not_root', 'space', 'failed']);

/**
 * What was observed: the hints that the host itself confirmed, and of which the test's own text shows that it needs what
 * is missing. `watched`: the kernel told of every command that was not found, so that a message alone proves nothing;
 * `wanted`: the packages that were asked for; `cases`: where cases were told.
 */
export function factsOf(
  hints: readonly Hint[],
  told: readonly string[],
  {
    watched,
    wanted,
    cases,
  }: { readonly watched: boolean; readonly wanted: readonly string[]; readonly cases: readonly number[] },
): readonly Fact[] {
  const answers = readAnswers(told, wanted);
  const sought = new Set(hints.flatMap((hint) => (hint.of === 'sought' ? [hint.name] : [])));
  const facts = hints.flatMap((hint): readonly Fact[] => {
    const at = hint.at === undefined ? {} : { at: hint.at };
    const line: readonly Fact[] =
      hint.of === 'command' && hint.line !== undefined
        ? [{ kind: 'line_number', number: hint.line, ...at }]
        : [];
    if (hint.of === 'command' && watched && !isBeyondPath(hint.name, answers) && !sought.has(hint.name))
      return line;
    if (hint.of === 'empty')
      return isMeantEmpty(hint, answers) ? [] : [{ kind: 'empty_comparison', text: hint.text, ...at }];
    return [...line, ...lacksOf(hint, hints, answers).map((lack): Fact => ({ ...lack, ...at }))];
  });
  const named = answers.named.filter((path) => useAt(path, answers) === 'needed');
  const devices = named.map((path): Fact => ({ kind: 'device', path }));
  const hollow = answers.hollow.map(([command, why]): Fact => ({ kind: 'does_nothing', command, why }));
  const tells = answers.tells.slice(0, 3).map((script): Fact => ({ kind: 'promises_cases', script }));
  const stopped = stoppedOf(facts, answers);
  return [
    ...tells,
    ...hollow,
    ...neverExecuted(answers),
    ...distinct([...facts, ...devices, ...stopped], cases),
  ].slice(0, MOST_FACTS);
}

/** What PATH has nothing to do with: called by its path, or found, and of no use without its interpreter. */
function isBeyondPath(name: string, { stopped }: Answers): boolean {
  return name.includes('/') || stopped.has(name);
}

/** Of what was declared to be under test, or was installed and is called by the text, nothing ran. */
function neverExecuted({ idle, text }: Answers): readonly Fact[] {
  // What is read by an interpreter or copied runs under another name.
  if (idle.some(([name]) => text.some((line) => isTaken(name, line)))) return [];
  const commands = idle
    .filter(([name, why]) => why === 'tested' || text.some((line) => isCalled(name, line)))
    .map(([name]) => name);
  return commands.length === 0
    ? []
    : [{ kind: 'never_executed', commands: [...new Set(commands)].slice(0, 50) }];
}

/** Programs of which nobody complained, or not where it was seen: called all the same, and they cannot be started. */
function stoppedOf(facts: readonly Fact[], answers: Answers): readonly Fact[] {
  return [...answers.stopped].flatMap(([name, by]): readonly Fact[] => {
    if (name.includes('/') || !isNeeded(name, answers)) return [];
    const isSeen = facts.some((fact) => fact.kind === 'command' && fact.name === by);
    const lack: readonly Fact[] = isSeen ? [] : [{ kind: 'command', name: by }];
    const why = `its interpreter ${by} is not there`;
    return answers.isSole ? [{ kind: 'does_nothing', command: name, why }, ...lack] : lack;
  });
}

function lacksOf(hint: Hint, hints: readonly Hint[], answers: Answers): readonly Lack[] {
  switch (hint.of) {
    case 'command':
    case 'sought': {
      const { name } = hint;
      const line = hint.of === 'command' ? hint.line : undefined;
      const by = answers.stopped.get(name);
      if (by !== undefined)
        return isNeeded(name.slice(name.lastIndexOf('/') + 1), answers, line)
          ? [{ kind: 'command', name: by }]
          : [];
      if (hint.of === 'sought' && !hint.byTest && !answers.lost.has(name)) return [];
      if (!answers.commands.has(name) || !isNeeded(name, answers, line)) return [];
      return [
        {
          ...{ kind: 'command', name },
          ...(answers.isSole ? { sole: true } : {}),
          ...(decides(name, answers, line) ? { decides: true } : {}),
        },
      ];
    }
    case 'path':
    case 'asked-path': {
      return answers.paths.has(hint.path) &&
        namesOf(hint.path).some((name) => useAt(name, answers) === 'needed')
        ? [{ kind: 'device', path: hint.path }]
        : [];
    }
    case 'called':
      return lacksOfCall(hint.call, hints, answers);
    case 'space': {
      const seen = hints.flatMap((one) => (one.of === 'full' ? [one.path] : []));
      const path = [...answers.full, ...seen][0];
      return path === undefined ? [] : [{ kind: 'space', path }];
    }
    case 'permission': {
      const counts = answers.uid !== '0' && (answers.asksRoot || /root|superuser/i.test(hint.what));
      return counts ? [{ kind: 'permission', what: 'do what only root may' }] : [];
    }
    case 'places':
      return [{ kind: 'places', call: hint.call }];
    case 'under-way':
      return lacksOfWait(hint.call);
    default:
      return [];
  }
}

function lacksOfCall(call: Call, hints: readonly Hint[], answers: Answers): readonly Lack[] {
  switch (call.of) {
    case 'install': {
      const absent = call.names.filter((name) => answers.packages.has(name) && !isRemoved(name, hints));
      // For want of one that nobody has none of them is installed.
      const unknown = absent.filter((name) => answers.packages.get(name) === 'unknown');
      const names = unknown.length > 0 ? unknown : absent;
      const [first] = names;
      if (first === undefined || answers.full.length > 0) return spaceOr(answers, first);
      const why = answers.packages.get(first) ?? 'failed';
      return [{ kind: 'package', names, manager: call.manager, why }];
    }
    case 'load':
      return call.modules
        .filter((name) => answers.modules.has(name) && useAt(name, answers) === 'needed')
        .map((name): Lack => ({ kind: 'module', name }));
    case 'list':
      return answers.none.has(call.path) &&
        listersOf(call.path).some((name) => useAt(name, answers) === 'needed')
        ? [{ kind: 'device', path: call.path }]
        : [];
    case 'refresh':
      return answers.repositories.slice(0, 1).map(([from, why]): Lack => ({ kind: 'download', from, why }));
    case 'fetch': {
      const why = answers.fetches.get(call.from);
      return why === undefined ? [] : [{ kind: 'download', from: call.from, why }];
    }
    default:
      return [];
  }
}

/** What had not come when the time was over. */
function lacksOfWait(call: Call): readonly Lack[] {
  switch (call.of) {
    case 'install':
      return [{ kind: 'package', names: call.names, manager: call.manager, why: 'unfinished' }];
    case 'refresh':
      return [{ kind: 'download', from: 'the lists of packages', why: LATE }];
    case 'fetch':
      return [{ kind: 'download', from: call.from, why: LATE }];
    default:
      return [];
  }
}

/** What the test itself made empty, or holds against a literal nothing, it means so. */
function isMeantEmpty({ text, files }: Extract<Hint, { of: 'empty' }>, answers: Answers): boolean {
  if (files.length === 0) return answers.comparesNothing && !text.includes('$');
  if (isLeftAlone(files, answers)) return true;
  return files.some((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    return answers.text.some(
      (line) =>
        line.text.includes(name) &&
        /(?:^|[;&|({]|\s):?\s*>\|?\s*["']?\S*$|\btouch\b|\btruncate\b/.test(line.text.split(name)[0] ?? '') &&
        !/[A-Za-z0-9)"']\s+>[^>]*$/.test(line.text.split(name)[0] ?? ''),
    );
  });
}

/** Wherever the text compares one of these files, nobody looks at what came of it: it only shows the difference. */
function isLeftAlone(files: readonly string[], { text, errexit }: Answers): boolean {
  const names = files.map((file) => file.slice(file.lastIndexOf('/') + 1));
  const lines = text.filter(
    (line) => /\b(?:diff|cmp)\b/.test(line.text) && names.some((name) => line.text.includes(name)),
  );
  // The shell of the steps, which ends so, is none that a script is read by.
  if ([...errexit].some((file) => !isOfSteps(file))) return false;
  return lines.length > 0 && lines.every((line) => !errexit.has(line.file) && isShown(line));
}

function isOfSteps(file: string): boolean {
  return /\/testyard-[^/]*\/(?:test|setup)$/.test(file);
}

/** Where there is no room nothing can be installed, whatever the package manager says. */
function spaceOr(answers: Answers, missing: string | undefined): readonly Lack[] {
  const [path] = answers.full;
  return missing === undefined || path === undefined ? [] : [{ kind: 'space', path }];
}

function isRemoved(name: string, hints: readonly Hint[]): boolean {
  return hints.some(
    (hint) => hint.of === 'called' && hint.call.of === 'remove' && hint.call.names.includes(name),
  );
}

/** A call whose failure changes nothing is one of what is tested all the same, where that was to be installed. */
function isNeeded(name: string, answers: Answers, line?: number): boolean {
  const use = useAt(name, answers, line);
  // What its own package should have brought is missing, whoever calls it.
  if (answers.lost.has(name)) return true;
  return use === 'needed' || (use === 'tolerated' && (answers.packages.size > 0 || answers.wanted.has(name)));
}

function decides(name: string, { text }: Answers, line?: number): boolean {
  return text.some((one) => (line === undefined || one.number === line) && isCondition(name, one));
}

/** By the line of which the shell complained, where that is known; else by all that the text does with it. */
function useAt(name: string, { text, readers }: Answers, line?: number): Use {
  const there = text.find((one) => one.number === line && useInLine(name, one, readers) !== 'none');
  return there === undefined ? useOf(name, text, readers) : useInLine(name, there, readers);
}

function readAnswers(told: readonly string[], wanted: readonly string[]): Answers {
  const rows = told.map((line) => line.split('\t'));
  const of = (word: string) => rows.filter(([first]) => first === word);
  const names = (word: string) => of(word).flatMap(([, name]) => (name === undefined ? [] : [name]));
  return {
    commands: new Set(names('command')),
    paths: new Set(names('path')),
    packages: new Map(of('package').map(([, name = '', why = '']) => [name, troubleOf(why)])),
    modules: new Set(names('module')),
    none: new Set(names('none')),
    lost: new Set(names('lost')),
    stopped: new Map(of('stopped').map(([, name = '', by = '']) => [name, by] as const)),
    repositories: of('repository').map(([, from = '', why = '']) => [from, why] as const),
    fetches: new Map(of('fetch').map(([, from = '', why = '']) => [from, why])),
    full: names('full'),
    named: names('named'),
    wanted: new Set(wanted),
    // Of all that it had installed nothing that it calls is there.
    isSole: wanted.length > 0 && names('brought').length === 0,
    hollow: of('hollow').map(([, name = '', why = '']) => [name, why] as const),
    idle: of('idle').map(([, name = '', why = '']) => [name, why] as const),
    tells: names('tells'),
    comparesNothing: names('compares-nothing').length > 0,
    errexit: new Set(names('errexit')),
    uid: names('uid')[0] ?? '0',
    asksRoot: names('asks-root').length > 0,
    text: told.flatMap((_, index) => textLine(told, index)),
    readers: new Set(names('reads')),
  };
}

function troubleOf(why: string): PackageTrouble {
  return (TROUBLES.has(why) ? why : 'failed') as PackageTrouble;
}

/** `FILE:LINE:TEXT`, as grep prints it, and `FILE-LINE-TEXT` of those after it, which may be sought themselves. */
function textLine(told: readonly string[], index: number): readonly TextLine[] {
  const [, file, number, text] = /^(\/[^\t:]*):([0-9]+):(.*)$/.exec(told[index] ?? '') ?? [];
  if (file === undefined || text === undefined) return [];
  const after: string[] = [];
  for (let step = 1; step <= LINES_AFTER; step++) {
    const line = told[index + step] ?? '';
    const head = `${file}-${Number(number) + step}-`;
    if (line.replace(`${file}:${Number(number) + step}:`, head).indexOf(head) !== 0) break;
    after.push(line.slice(head.length));
  }
  return [{ file, number: Number(number), text, after: after.filter((line) => !/^\s*(?:#|$)/.test(line)) }];
}

/** What is seen again before the next case is told says nothing new. */
function distinct(facts: readonly Fact[], cases: readonly number[]): readonly Fact[] {
  const places = [...cases].sort((a, b) => a - b);
  const seen = new Set<string>();
  return facts.filter(({ at, ...fact }) => {
    const next = at === undefined ? 'anywhere' : places.findIndex((place) => place >= at);
    const key = `${next} ${JSON.stringify(fact)}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
