import { Failure } from './failure.js';
import { ago } from './screen.js';
import type { Setting } from './setting.js';

/** What `known` can be told. */
export interface KnownOptions {
  readonly run?: string;
  readonly signature?: string;
  readonly link?: string;
  readonly why?: string;
  readonly project?: string;
  readonly list?: boolean;
  readonly remove?: string;
}

/** Ties an issue to a failure of a test, unties it, or lists what is known. */
export async function known(
  { client, screen, json }: Setting,
  test: string | undefined,
  options: KnownOptions,
): Promise<number> {
  const { run, signature, link, why, project } = options;
  if (options.remove !== undefined) {
    if (!/^k[1-9][0-9]*$/.test(options.remove))
      throw new Failure(`'${options.remove}' is no known failure: they are like k3 (testyard known --list)`);
    const gone = await client.forgetKnown(options.remove);
    if (json) screen.json(gone);
    else screen.line(`${gone.id} (${gone.test}, ${gone.link}) is not known any more`);
    return 0;
  }
  if (options.list) {
    const { items } = await client.known({ project, test });
    if (json) screen.json(items);
    else if (items.length === 0) screen.note('no failure is known');
    else
      screen.table([
        ['ID', 'TEST', 'LINK', 'BY', 'WHEN', 'FAILURE'].map((text) => ({ text, tone: 'quiet' as const })),
        ...items.map((one) => [one.id, one.test, one.link, one.who, ago(one.at), one.signature]),
      ]);
    return 0;
  }
  if (link === undefined || (run === undefined) === (signature === undefined))
    throw new Failure('say the issue and one of run and signature: testyard known TEST --run r12 --link URL');
  if (test === undefined && run === undefined) throw new Failure('name the test beside --signature');
  const made = await client.makeKnown({
    link,
    ...(test === undefined ? {} : { test }),
    ...(run === undefined ? { signature } : { run }),
    ...(why === undefined ? {} : { why }),
    ...(project === undefined ? {} : { project }),
  });
  if (json) screen.json(made);
  else screen.line(`${made.id}: ${made.test} failing with '${made.signature}' is known as ${made.link}`);
  return 0;
}
