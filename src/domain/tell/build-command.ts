/** What a letter has room for in one command. */
const LONGEST = 480;

/** One command that builds a commit as a recipe does, in a clone; undefined where the recipe is too long for a letter. */
export function buildCommand(commit: string, recipe: string): string | undefined {
  const text = recipe.trim();
  const quoted = text.includes('\n') ? ansiQuoted(text) : `'${text.replaceAll("'", "'\\''")}'`;
  const command = `git checkout ${commit} && OUT=$(mktemp -d) sh -euc ${quoted}`;
  return command.length > LONGEST ? undefined : command;
}

/** Lines in one word, as bash, zsh and ksh read it. */
function ansiQuoted(text: string): string {
  const spelled = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n');
  return `$'${spelled.replaceAll('\t', '\\t')}'`;
}
