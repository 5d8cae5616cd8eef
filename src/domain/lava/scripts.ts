import type { LavaDefinition } from './definition.js';

/** What is run on a host for a LAVA definition: POSIX shell text, in the folder of its tree. */
export interface LavaScripts {
  /** Its failure is no failure of the test; undefined where nothing is to be installed. */
  readonly install?: string;
  readonly run: string;
}

/** The name of its folder on the host, which is also `TESTRUN_ID`. */
export function testRunId({ name }: LavaDefinition): string {
  return `0_${name.replace(/[^A-Za-z0-9._-]+/g, '-')}`;
}

/**
 * The scripts of a definition. Its parameters are shell variables that are not exported; a variable of the test's
 * environment, which is, takes the place of the parameter of its name. One shell runs all steps, so that the folder and
 * the variables of one are those of the next, and the first that fails ends it.
 */
export function lavaScripts(
  lava: LavaDefinition,
  environment: Readonly<Record<string, string>>,
): LavaScripts {
  const { params, deps, installSteps, steps } = lava;
  const values = Object.entries(params).map(([name, value]) => `${name}=${word(environment[name] ?? value)}`);
  // `lava-test-raise` says so: the test could not be carried out.
  const head = [...values, "trap 'exit 99' USR1", 'set -e'];
  const installs = deps.length === 0 ? [] : [`lava-install-packages ${deps.map(word).join(' ')}`];
  const install = [...installs, ...installSteps];
  return {
    ...(install.length === 0 ? {} : { install: script([...head, ...install]) }),
    run: script([...head, ...steps]),
  };
}

function script(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** `text` as one word of a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
