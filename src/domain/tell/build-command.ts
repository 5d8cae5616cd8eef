/** What a letter has room for in one command. */
const LONGEST = 800;

/** One command that builds a commit as a recipe does, in a clone; undefined where the recipe is too long for a letter. */
export function buildCommand(commit: string, recipe: string): string | undefined {
  return fitting(`git checkout ${commit} && OUT=$(mktemp -d) sh -euc ${oneWord(recipe.trim())}`);
}

/** Where a step puts a commit, and the recipe by which it builds it first; undefined: its files as they are. */
export interface CommitPlace {
  readonly into: string;
  readonly recipe?: string | null;
}

/** At home nothing is replaced but what an earlier trial has put there; 128 is to `bisect` that there is no answer. */
const MARK = '.testyard-trial';
const CLEAR = `[ ! -e "$1" ] || [ -e "$1/${MARK}" ] || { echo "$1 is there: move it away" >&2; exit 128; }; rm -rf "$1"`;
/** What does, in a clone, what a step does; 125 is to `bisect` that the commit cannot be tested. */
const FILES = `${CLEAR} && git checkout-index -a --prefix="$1/" && touch "$1/${MARK}" || exit 125; shift`;
const BUILD = `OUT=$(mktemp -d) && export OUT && sh -euc "$2" || exit 125; ${CLEAR} && mkdir -p "$1" && cp -r "$OUT/." "$1" && touch "$1/${MARK}" && rm -rf "$OUT" || exit 125; shift 2`;

/**
 * One command that finds in a clone which commit makes a test fail, as the grid did: what the test looks at is put there
 * first. Undefined where the recipes are too long for a letter.
 */
export function bisectCommand(
  { good, bad }: { readonly good: string; readonly bad: string },
  file: string,
  places: readonly CommitPlace[],
): string | undefined {
  const begin = `testyard bisect --good ${good} --bad ${bad} --`;
  const test = oneWord(`./${file}`);
  if (places.length === 0) return fitting(`${begin} ${test}`);
  const steps = places.map(({ recipe }) => (typeof recipe === 'string' ? BUILD : FILES));
  const words = places.flatMap(({ into, recipe }) => [
    into,
    ...(typeof recipe === 'string' ? [recipe.trim()] : []),
  ]);
  return fitting(
    [begin, 'sh -c', oneWord(`${steps.join('; ')}; exec "$0"`), test, ...words.map(oneWord)].join(' '),
  );
}

function fitting(command: string): string | undefined {
  return command.length > LONGEST ? undefined : command;
}

/** A text as one word of a shell, on one line. */
export function oneWord(text: string): string {
  if (/^[\w./:~+=@%,-]+$/.test(text)) return text;
  return text.includes('\n') ? ansiQuoted(text) : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Lines in one word, as bash, zsh and ksh read it. */
function ansiQuoted(text: string): string {
  const spelled = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n');
  return `$'${spelled.replaceAll('\t', '\\t')}'`;
}
