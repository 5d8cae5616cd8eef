import { Command } from 'commander';
import { addChanges } from './program/changes.js';
import type { Does } from './program/does.js';
import { addExplaining } from './program/explain.js';
import { addGrid } from './program/grid.js';
import { addHosts } from './program/hosts.js';
import { addLooking } from './program/look.js';
import { addResults } from './program/results.js';
import { addSearching } from './program/search.js';
import { addStarting } from './program/start.js';
import { addSubmitting } from './program/submit.js';
import { setting } from './setting.js';
import type { CommonOptions } from './settings.js';

/**
 * Every command and its options. What a command does is loaded when it is called, so that what is asked for
 * often is quick, and only `up` and `executor` ever load a server or a database.
 */
export function program(version: string, done: (exit: number) => void): Command {
  const testyard = new Command('testyard')
    .description('A test grid for real machines whose red means red')
    .version(version, '-V, --version')
    .option('--url <url>', 'the grid to ask (TESTYARD_URL)')
    .option('--token <token>', 'who asks (TESTYARD_TOKEN)')
    .option('--state-dir <dir>', "the folder of this machine's grid (TESTYARD_STATE)")
    .option('--json', 'print JSON: one document, or lines where something goes on')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Exit: 0 all passed (a skip counts as passed), 1 a red, 2 wrong usage or refused,
      3 held, without a verdict, or no answer from the grid.

First steps:
  testyard run mytest.sh             here and now, without any grid
  testyard up                        start a grid on this machine
  testyard submit mytest.sh --watch  give it a test`,
    );
  const does: Does =
    (action) =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const common = command.optsWithGlobals<CommonOptions>();
      done(await action(setting(common), ...(given.slice(0, -1) as never)));
    };
  addStarting(testyard, does);
  addSubmitting(testyard, does);
  addLooking(testyard, does);
  addExplaining(testyard, does);
  addResults(testyard, does);
  addSearching(testyard, does);
  addChanges(testyard, does);
  addHosts(testyard, does);
  addGrid(testyard, does);
  return testyard;
}
