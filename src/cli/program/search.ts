import type { Command } from 'commander';
import type { Setting } from '../setting.js';
import type { Does } from './does.js';
import { gather, integer } from './option.js';

/** Commands about hunts for the change that broke something. */
export function addSearching(testyard: Command, does: Does): void {
  const list = (name: string, what: string, open: string) =>
    testyard
      .command(name)
      .description(what)
      .option('--open', open)
      .option('--project <name>', 'of this project')
      .option('--limit <number>', 'how many at most', integer, 50);
  list(
    'searches',
    'hunts for the change that broke something, newest first',
    'those that are not over',
  ).action(
    does(async (...args: Parameters<Lists['searches']>) =>
      (await import('../searches.js')).searches(...args),
    ),
  );
  list('pins', 'components that are held back at a version', 'those that hold').action(
    does(async (...args: Parameters<Lists['pins']>) => (await import('../searches.js')).pins(...args)),
  );
  list(
    'intakes',
    'changes that came together: which are in, which were left out',
    'those that are tried',
  ).action(
    does(async (...args: Parameters<Lists['intakes']>) => (await import('../searches.js')).intakes(...args)),
  );
  addSearch(testyard, does);
  testyard
    .command('answer')
    .description(
      'answer to what a search found: not-mine, fixed-in VERSION or snooze TIME; of an admin, theirs',
    )
    .argument('<search>', 'q12, as in the letter')
    .argument(
      '<answer>',
      'not-mine, fixed-in or snooze; theirs: it is that change, though somebody said not-mine',
    )
    .argument('[value]', 'the version that mends it, or for how long (3d)')
    .option('--change <id>', 'which one it is about, where the search named several')
    .option('--why <text>', 'for others to read')
    .action(
      does(async (...args: Parameters<typeof import('../answer.js')['answer']>) =>
        (await import('../answer.js')).answer(...args),
      ),
    );
}

function addSearch(testyard: Command, does: Does): void {
  const search = testyard
    .command('search')
    .description('one search: what is likely, its trials, its cost, what it came to and what followed')
    .argument('[search]', 'q12')
    .addHelpText(
      'after',
      `
  testyard search q12
  testyard search start boot --good r12 --bad r34
  testyard search start boot --from lab/foo=1.2 --to lab/foo=1.4
  testyard search guide q12 --exclude c7 --weigh c9=5
  testyard search stop q12`,
    )
    .action(does(async (s: Setting, id: string | undefined) => (await import('../search.js')).search(s, id)));
  search
    .command('start')
    .description('search between a good run and a bad one, or between versions; nobody is accused by it')
    .argument('<test>')
    .option('--good <run>', 'a run that passed')
    .option('--bad <run>', 'a later one that did not')
    .option('--from <component=version>', 'the last good version; repeat for more', gather)
    .option('--to <component=version>', 'the first bad version that is known; repeat for more', gather)
    .option('--predicate <what>', 'what is bad: fails, refused (nothing can be put in) or lost (the host is)')
    .option('--consequences', 'for admins: what is found is held back, and its owner told')
    .option('--why <text>', 'for others to read')
    .option('--project <name>', 'whose test it is')
    .action(
      does(async (...args: Parameters<Search['startSearch']>) =>
        (await import('../search.js')).startSearch(...args),
      ),
    );
  search
    .command('guide')
    .description('say what you know: changes that it is not, and how much likelier others are')
    .argument('<search>')
    .option('--exclude <change>', 'it is not this one (c7); repeat for more', gather)
    .option('--weigh <change=times>', 'so many times as likely (c9=5); repeat for more', gather)
    .action(
      does(async (...args: Parameters<Search['guideSearch']>) =>
        (await import('../search.js')).guideSearch(...args),
      ),
    );
  search
    .command('stop')
    .description('end it; what it knows by then is its answer')
    .argument('<search>')
    .action(does(async (s: Setting, id: string) => (await import('../search.js')).stopSearch(s, id)));
}

type Lists = typeof import('../searches.js');
type Search = typeof import('../search.js');
