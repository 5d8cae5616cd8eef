import type { OutWay } from './client.js';
import { Failure } from './failure.js';
import type { Setting } from './setting.js';

/** Takes a host out, or brings it back. */
export async function takeOut(
  { client, screen, json }: Setting,
  way: OutWay,
  host: string,
  options: { readonly why?: string; readonly kill?: boolean; readonly end?: boolean },
): Promise<number> {
  if (options.end) {
    if (options.kill) throw new Failure('--kill is for taking a host out: leave it away with --end');
    const view = await client.bringBack(host, way, options.why ?? '');
    if (json) screen.json(view);
    else
      screen.line(`${view.name} is ${view.health}: a canary is on its way, and it is good when that works`);
    return 0;
  }
  if (options.why === undefined)
    throw new Failure(`say why, for others to read: testyard ${way} ${host} --why "new disk"`);
  const view = await client.takeOut(host, way, options.why, options.kill ? 'kill' : 'drain');
  if (json) screen.json(view);
  else {
    const word = way === 'maintenance' ? 'in maintenance' : 'quarantined';
    const rest =
      view.seatsTaken === 0
        ? ''
        : options.kill
          ? `; what runs there (${view.seatsTaken}) is stopped and run again elsewhere`
          : `; what runs there (${view.seatsTaken}) may end`;
    screen.line(`${view.name} is ${word} until you end it${rest}`);
    screen.note(`bring it back: testyard ${way} ${view.name} --end`);
  }
  return 0;
}
