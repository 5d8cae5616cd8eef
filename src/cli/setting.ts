import { Client } from './client.js';
import { Screen } from './screen.js';
import { type CommonOptions, connection } from './settings.js';

/** What a command works with. */
export interface Setting {
  readonly screen: Screen;
  readonly json: boolean;
  readonly options: CommonOptions;
  /** The grid; made when it is first asked for, since not every command needs one. */
  readonly client: Client;
}

/** The setting that the common options describe. */
export function setting(options: CommonOptions): Setting {
  let client: Client | undefined;
  return {
    screen: new Screen(),
    json: options.json === true,
    options,
    get client() {
      client ??= new Client(connection(options));
      return client;
    },
  };
}
