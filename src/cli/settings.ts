import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Connection } from './client.js';
import { Failure } from './failure.js';

/** What the options common to all commands say. */
export interface CommonOptions {
  readonly url?: string;
  readonly token?: string;
  readonly stateDir?: string;
  readonly json?: boolean;
}

/** Where a grid on this machine keeps what must stay: TESTYARD_STATE, else below the home folder. */
export function stateFolder(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  if (given !== undefined) return path.resolve(given);
  const { TESTYARD_STATE } = environment;
  if (TESTYARD_STATE) return path.resolve(TESTYARD_STATE);
  return path.join(homedir(), '.local/state/testyard');
}

/** Which grid to ask and with which token: options, then the environment, then the grid of this machine. */
export function connection(options: CommonOptions, environment: NodeJS.ProcessEnv = process.env): Connection {
  const folder = stateFolder(options.stateDir, environment);
  const given = options.url ?? environment['TESTYARD_URL'];
  const url = given ?? firstLine(path.join(folder, 'url'));
  if (url === undefined)
    throw new Failure(
      'no grid is known here',
      3,
      "Start one with 'testyard up', or name one with --url or TESTYARD_URL.",
    );
  if (!/^https?:\/\/[^/]/.test(url)) throw new Failure(`'${url}' is no URL: write http://127.0.0.1:7070`);
  // The token of this machine's grid is not for any other one.
  const own = given === undefined ? firstLine(path.join(folder, 'admin-token')) : undefined;
  return { url, token: options.token ?? environment['TESTYARD_TOKEN'] ?? own };
}

function firstLine(file: string): string | undefined {
  try {
    const line = readFileSync(file, 'utf8').split('\n')[0]?.trim();
    return line === '' ? undefined : line;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Failure(`${file} cannot be read (${code})`);
  }
}
