import type { Fact, Lack, PackageTrouble } from '../../domain/judge/fact.js';
import type { Hint } from './hints.js';
import { type TextLine, type Use, useInLine, useOf } from './use.js';

/** What the host said when it was asked. */
interface Answers {
  readonly commands: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
  readonly packages: ReadonlyMap<string, PackageTrouble>;
  readonly modules: ReadonlySet<string>;
  readonly fetches: ReadonlyMap<string, string>;
  readonly full: readonly string[];
  readonly tells: readonly string[];
  readonly uid: string;
  readonly asksRoot: boolean;
  readonly text: readonly TextLine[];
}

/** More facts than this are not told. */
const MOST_FACTS = 200;
const TROUBLES: ReadonlySet<string> = new Set(['unknown', 'unreachable', 'not_root', 'space', 'failed']);

/**
 * What was observed: the hints that the host itself confirmed, and of which the test's own text shows that it needs what
 * is missing. `watched`: the kernel told of every command that was not found, so that a message alone proves nothing.
 */
export function factsOf(hints: readonly Hint[], told: readonly string[], watched: boolean): readonly Fact[] {
  const answers = readAnswers(told);
  const sought = new Set(hints.flatMap((hint) => (hint.of === 'sought' ? [hint.name] : [])));
  const facts = hints.flatMap((hint): readonly Fact[] => {
    const at = hint.at === undefined ? {} : { at: hint.at };
    const line: readonly Fact[] =
      hint.of === 'command' && hint.line !== undefined
        ? [{ kind: 'line_number', number: hint.line, ...at }]
        : [];
    if (hint.of === 'command' && watched && !hint.name.includes('/') && !sought.has(hint.name)) return line;
    if (hint.of === 'empty') return [{ kind: 'empty_comparison', text: hint.text, ...at }];
    return [...line, ...lacksOf(hint, hints, answers).map((lack): Fact => ({ ...lack, ...at }))];
  });
  const tells = answers.tells.slice(0, 3).map((script): Fact => ({ kind: 'promises_cases', script }));
  return [...tells, ...distinct(facts)].slice(0, MOST_FACTS);
}

function lacksOf(hint: Hint, hints: readonly Hint[], answers: Answers): readonly Lack[] {
  switch (hint.of) {
    case 'command':
    case 'sought': {
      const { name } = hint;
      const line = hint.of === 'command' ? hint.line : undefined;
      const isNeeded = answers.commands.has(name) && useAt(name, answers, line) === 'needed';
      return isNeeded ? [{ kind: 'command', name }] : [];
    }
    case 'path':
    case 'asked-path': {
      const isNeeded = answers.paths.has(hint.path) && useAt(hint.path, answers) === 'needed';
      return isNeeded ? [{ kind: 'device', path: hint.path }] : [];
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
    default:
      return [];
  }
}

function lacksOfCall(
  call: Extract<Hint, { of: 'called' }>['call'],
  hints: readonly Hint[],
  answers: Answers,
): readonly Lack[] {
  switch (call.of) {
    case 'install': {
      const names = call.names.filter((name) => answers.packages.has(name) && !isRemoved(name, hints));
      const [first] = names;
      if (first === undefined || answers.full.length > 0) return spaceOr(answers, first);
      const why = answers.packages.get(first) ?? 'failed';
      return [{ kind: 'package', names, manager: call.manager, why }];
    }
    case 'load':
      return call.modules
        .filter((name) => answers.modules.has(name) && useAt(name, answers) !== 'tolerated')
        .map((name): Lack => ({ kind: 'module', name }));
    case 'fetch': {
      const why = answers.fetches.get(call.from);
      return why === undefined ? [] : [{ kind: 'download', from: call.from, why }];
    }
    default:
      return [];
  }
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

/** By the line of which the shell complained, where that is known; else by all that the text does with it. */
function useAt(name: string, { text }: Answers, line?: number): Use {
  const there = text.find((one) => one.number === line && useInLine(name, one.text) !== 'none');
  return there === undefined ? useOf(name, text) : useInLine(name, there.text);
}

function readAnswers(told: readonly string[]): Answers {
  const rows = told.map((line) => line.split('\t'));
  const of = (word: string) => rows.filter(([first]) => first === word);
  const names = (word: string) => of(word).flatMap(([, name]) => (name === undefined ? [] : [name]));
  return {
    commands: new Set(names('command')),
    paths: new Set(names('path')),
    packages: new Map(of('package').map(([, name = '', why = '']) => [name, troubleOf(why)])),
    modules: new Set(names('module')),
    fetches: new Map(of('fetch').map(([, from = '', why = '']) => [from, why])),
    full: names('full'),
    tells: names('tells'),
    uid: names('uid')[0] ?? '0',
    asksRoot: names('asks-root').length > 0,
    text: told.flatMap(textLine),
  };
}

function troubleOf(why: string): PackageTrouble {
  return (TROUBLES.has(why) ? why : 'failed') as PackageTrouble;
}

/** `FILE:LINE:TEXT`, as grep prints it. */
function textLine(line: string): readonly TextLine[] {
  const [, file, number, text] = /^(\/[^\t:]*):([0-9]+):(.*)$/.exec(line) ?? [];
  return file === undefined || text === undefined ? [] : [{ file, number: Number(number), text }];
}

function distinct(facts: readonly Fact[]): readonly Fact[] {
  const seen = new Set<string>();
  return facts.filter((fact) => {
    const key = JSON.stringify(fact);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
