import type { Command, Option } from 'commander';
import { Client } from './client.js';
import { Failure } from './failure.js';
import type { Setting } from './setting.js';
import { connection } from './settings.js';

/** What each shell is told: to ask us for the words that can follow, and for files where we have none. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_testyard() {
  local words
  words=$(testyard complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _testyard testyard
`,
  zsh: `#compdef testyard
_testyard() {
  local -a words_here
  words_here=("\${(@f)$(testyard complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  words_here=("\${(@)words_here:#}")
  if (( \${#words_here} )); then compadd -- "\${words_here[@]}"; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _testyard testyard
`,
  fish: `function __testyard_complete
  set -l tokens (commandline -opc) (commandline -ct)
  testyard complete -- $tokens[2..-1] 2>/dev/null
end
complete -c testyard -a '(__testyard_complete)'
`,
};

/** Prints the script for a shell. */
export async function completion(_setting: Setting, shell: string): Promise<number> {
  const script = SCRIPTS[shell];
  if (script === undefined)
    throw new Failure(`'${shell}' is no shell that is known here: ${Object.keys(SCRIPTS).join(', ')}`);
  process.stdout.write(script);
  return 0;
}

/** Names of the grid are waited for so long at most: a person is typing. */
const MOST_WAIT_MS = 800;
/** More names help nobody. */
const MOST_NAMES = 500;

/** Prints the words that can follow; the last of `words` is the one being typed. Never fails, never complains. */
export async function complete(
  setting: Setting,
  testyard: Command,
  words: readonly string[],
): Promise<number> {
  const given = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const { command, rest } = commandIn(testyard, given);
  const wanted = optionBefore(command, testyard, given.at(-1));
  const found = await following(setting, testyard, { command, rest, typed, wanted });
  const fitting = found.filter((word) => word.startsWith(typed));
  if (fitting.length > 0) process.stdout.write(`${fitting.join('\n')}\n`);
  return 0;
}

interface Typing {
  readonly command: Command;
  /** What was typed after the command and its options. */
  readonly rest: readonly string[];
  readonly typed: string;
  /** The option whose value is being typed. */
  readonly wanted: Option | undefined;
}

async function following(
  setting: Setting,
  testyard: Command,
  { command, rest, typed, wanted }: Typing,
): Promise<readonly string[]> {
  if (wanted !== undefined) return await namesFor(setting, OPTION_NAMES[wanted.long ?? '']);
  if (typed.startsWith('-'))
    return [...command.options, ...testyard.options].flatMap(({ long }) => long ?? []).concat('--help');
  const children = command.commands
    .filter((child) => !(child as Hidden)._hidden)
    .map((child) => child.name());
  if (children.length > 0) return children;
  if (command.name() === 'completion') return Object.keys(SCRIPTS);
  return rest.length > 0 && !SEVERAL.has(command.name())
    ? []
    : await namesFor(setting, ARGUMENT_NAMES[command.name()]);
}

type Hidden = { readonly _hidden?: boolean };
type Names = 'hosts' | 'types' | 'runs' | 'tests' | 'tags' | 'done runs' | 'watches' | 'components';

/** What a command's arguments can be. */
const ARGUMENT_NAMES: Readonly<Record<string, readonly Names[]>> = {
  hosts: ['hosts'],
  compatible: ['hosts'],
  maintenance: ['hosts'],
  quarantine: ['hosts'],
  reserve: ['hosts'],
  explain: ['runs', 'tests'],
  show: ['runs'],
  logs: ['runs'],
  attachments: ['runs'],
  cancel: ['runs'],
  retry: ['done runs'],
  report: ['runs'],
  tags: ['tags'],
  submit: ['tests'],
  known: ['tests'],
};
/** Commands that take as many as one likes. */
const SEVERAL: ReadonlySet<string> = new Set(['submit']);
const OPTION_NAMES: Readonly<Record<string, readonly Names[]>> = {
  '--host': ['hosts'],
  '--host-type': ['types'],
  '--type': ['types'],
  '--test': ['tests'],
  '--run': ['done runs'],
  '--watch': ['watches'],
  '--component': ['components'],
};

/** The command that was typed, and what came after it that is no option. */
function commandIn(
  testyard: Command,
  given: readonly string[],
): { command: Command; rest: readonly string[] } {
  let command = testyard;
  const rest: string[] = [];
  for (let n = 0; n < given.length; n++) {
    const word = given[n] ?? '';
    if (word.startsWith('-')) {
      if (!word.includes('=') && optionBefore(command, testyard, word) !== undefined) n++;
      continue;
    }
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) rest.push(word);
    else command = child;
  }
  return { command, rest };
}

/** The option that a word is, where a value must follow it. */
function optionBefore(command: Command, testyard: Command, word: string | undefined): Option | undefined {
  if (word === undefined || !word.startsWith('-')) return undefined;
  return [...command.options, ...testyard.options].find(
    (option) => option.required && (option.long === word || option.short === word),
  );
}

/** Names of the grid, where one is reachable; else none. */
async function namesFor(
  { options }: Setting,
  kinds: readonly Names[] | undefined,
): Promise<readonly string[]> {
  if (kinds === undefined) return [];
  const quiet = async () => {
    const impatient = new Client(connection(options), () => Promise.reject(new Error('asked once only')));
    return (await Promise.all(kinds.map((kind) => namesOf(impatient, kind)))).flat();
  };
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<readonly string[]>((resolve) => {
    late = setTimeout(() => resolve([]), MOST_WAIT_MS);
  });
  const found = await Promise.race([quiet().catch(() => []), tooLate]);
  clearTimeout(late);
  return [...new Set(found)].slice(0, MOST_NAMES);
}

async function namesOf(client: Client, kind: Names): Promise<readonly string[]> {
  switch (kind) {
    case 'hosts':
      return (await client.hosts({ limit: MOST_NAMES })).items.map(({ name }) => name);
    case 'types':
      return (await client.hosts({ limit: MOST_NAMES })).items.map(({ type }) => type);
    case 'runs':
      return (await client.runs({ limit: 50 })).items.map(({ id }) => id);
    case 'done runs':
      return (await client.runs({ limit: 50, state: 'done' })).items.map(({ id }) => id);
    case 'tests':
      return (await client.tests({ limit: MOST_NAMES })).items.map(({ name }) => name);
    case 'watches':
      return (await client.watches()).items.map(({ name }) => name);
    case 'components':
      return (await client.components({ limit: MOST_NAMES })).items.map(({ name }) => name);
    case 'tags':
      return (await client.tags()).items.map(({ name }) => name);
  }
}
