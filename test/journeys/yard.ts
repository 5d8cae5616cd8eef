import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres.js';
import type { AttemptView, HostView, IncidentView, RunDetail, RunView } from '../../src/http/contract.js';
import { type FreshDatabase, freshDatabase, withClient } from '../database.js';
import { freePort, type LightHost } from '../lab.js';
import { type Ended, ensureBuilt, freshFolder, Program, testyard, until } from './program.js';

/** Leases and checks of seconds, so that a journey sees them; patience with hosts that share two busy cores. */
export const SECONDS = {
  TESTYARD_LEASE_TTL_MS: '5000',
  TESTYARD_LEASE_RENEW_MS: '500',
  TESTYARD_LEADER_TTL_MS: '3000',
  TESTYARD_BEAT_MS: '200',
  TESTYARD_CHECK_FIRST_S: '1',
  TESTYARD_KEEPALIVE_MS: '10000',
  TESTYARD_RECONNECT_MS: '4000',
  TESTYARD_ANSWER_MS: '30000',
  TESTYARD_CONNECT_MS: '15000',
};

/** What an inventory of a journey says; files by what they are about. */
export interface Lab {
  readonly hosts: readonly { readonly host: LightHost; readonly lines?: readonly string[] }[];
  readonly tags?: string;
  readonly steps?: string;
  readonly resources?: string;
  readonly watches?: string;
  /** Test files, by name. */
  readonly tests?: Readonly<Record<string, string>>;
  /** More lines of grid.yaml. */
  readonly grid?: string;
}

/** Writes the folder that `--inventory` names. */
export async function writeInventory(folder: string, lab: Lab): Promise<void> {
  for (const part of ['hosts', 'steps', 'tests']) await mkdir(path.join(folder, part), { recursive: true });
  await writeFile(
    path.join(folder, 'grid.yaml'),
    `name: journey\nadmin: admin@example.org\n${lab.grid ?? ''}`,
  );
  await writeFile(path.join(folder, 'tags.yaml'), lab.tags ?? 'tags: {}\n');
  if (lab.resources !== undefined) await writeFile(path.join(folder, 'resources.yaml'), lab.resources);
  if (lab.watches !== undefined) await writeFile(path.join(folder, 'watches.yaml'), lab.watches);
  for (const [name, text] of Object.entries(lab.tests ?? {}))
    await writeFile(path.join(folder, 'tests', name), text);
  if (lab.steps !== undefined) await writeFile(path.join(folder, 'steps/steps.yaml'), lab.steps);
  const lines = lab.hosts.map(({ host: { name, transport }, lines: more = [] }) =>
    [
      `  ${name}:`,
      '    owner: hosts@example.org',
      ...more.map((line) => `    ${line}`),
      '    ssh:',
      `      address: ${transport.address}`,
      `      port: ${transport.port}`,
      `      user: ${transport.user}`,
      `      key_file: ${transport.keyFile}`,
      `      host_keys: ${JSON.stringify(transport.hostKeys)}`,
    ].join('\n'),
  );
  await writeFile(path.join(folder, 'hosts/hosts.yaml'), `hosts:\n${lines.join('\n')}\n`);
}

/** A grid as its users meet it: its address, the command line, and its API. */
export class Grid {
  constructor(
    readonly url: string,
    readonly token: string,
    /** The certificate, where it is asked over https. */
    readonly certificate?: { readonly file: string; readonly pem: string },
  ) {}

  private get environment(): NodeJS.ProcessEnv {
    const trust = this.certificate === undefined ? {} : { NODE_EXTRA_CA_CERTS: this.certificate.file };
    return { TESTYARD_URL: this.url, TESTYARD_TOKEN: this.token, ...trust };
  }

  /** A command to its end. */
  cli(...args: readonly string[]): Promise<Ended> {
    return testyard(args, this.environment);
  }

  /** A command that goes on. */
  begin(...args: readonly string[]): Program {
    return new Program(args, this.environment);
  }

  /** Asks the API; throws where it is refused. */
  ask<Answer>(where: string, method = 'GET', body?: unknown): Promise<Answer> {
    const isPlain = this.url.startsWith('http:');
    return new Promise((resolve, reject) => {
      const request = (isPlain ? httpRequest : httpsRequest)(
        `${this.url}/api/v1${where}`,
        {
          method,
          ...(this.certificate === undefined ? {} : { ca: this.certificate.pem }),
          headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
          timeout: 30_000,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            const text = Buffer.concat(chunks).toString();
            if ((response.statusCode ?? 0) >= 300) reject(new Error(`${method} ${where}: ${text}`));
            else resolve(JSON.parse(text) as Answer);
          });
        },
      );
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  run = (id: string) => this.ask<RunDetail>(`/runs/${id}`);
  host = (name: string) => this.ask<HostView>(`/hosts/${name}`);
  incident = (id: string) => this.ask<IncidentView>(`/incidents/${id}`);
  incidents = async () => (await this.ask<{ items: IncidentView[] }>('/incidents?limit=500')).items;
  runs = async (query = '') => (await this.ask<{ items: RunView[] }>(`/runs?limit=500${query}`)).items;

  /** Submits test files and gives the runs that came of it. */
  async submit(files: readonly TestFile[], more: Record<string, unknown> = {}): Promise<readonly string[]> {
    const tests = files.map(({ name, text }) => ({
      file: { name, content: Buffer.from(text).toString('base64') },
    }));
    const { id } = await this.ask<{ id: string }>('/submissions', 'POST', { tests, ...more });
    const runs = await until('the submission unfolds', 60_000, async () => {
      const found = await this.runs(`&submission=${id}`);
      return found.length > 0 ? found : undefined;
    });
    return runs.map((run) => run.id).sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  }

  /** Submits one test file and gives its run. */
  async submitOne(file: TestFile, more: Record<string, unknown> = {}): Promise<string> {
    return (await this.submit([file], more))[0] ?? '';
  }

  /** A run when it is so. */
  async when(id: string, what: string, is: (run: RunDetail) => boolean, ms = 90_000): Promise<RunDetail> {
    let last: RunDetail | undefined;
    return until(`${id} ${what}`, ms, async () => {
      last = await this.run(id);
      return is(last) ? last : undefined;
    }).catch((error: Error) => {
      const seen = `${last?.state} ${last?.verdict ?? ''} ${last?.reason}; ${JSON.stringify(last?.attemptList.map(({ outcome, places, detail }) => [outcome, places[0]?.host, detail]))}`;
      throw new Error(`${error.message}; ${seen}`);
    });
  }

  /** A run that is done, and has left its hosts: its verdict comes before they are cleaned up. */
  done = (id: string, ms?: number) =>
    this.when(
      id,
      'is done',
      (run) => run.state === 'done' && run.attemptList.every((attempt) => attempt.endedAt !== undefined),
      ms,
    );

  /** Submits one test and waits for its end. */
  async carryOut(file: TestFile, more?: Record<string, unknown>): Promise<RunDetail> {
    return this.done(await this.submitOne(file, more));
  }
}

/** A test as a user would send it. */
export interface TestFile {
  readonly name: string;
  readonly text: string;
}

/** A shell test; `headers` are its declarations. */
export function shellTest(name: string, script: string, ...headers: readonly string[]): TestFile {
  const lines = headers.map((header) => `# testyard: ${header}\n`).join('');
  return { name: `${name}.sh`, text: `#!/bin/sh\n${lines}\n${script}\n` };
}

/** The steps of a chain that an attempt carried out. */
export function chainOf(attempt: AttemptView | undefined): readonly string[] {
  return (attempt?.steps ?? []).filter((step) => step.kind === 'chain').map((step) => step.step);
}

/** A whole grid in one process, on a database of its own. */
export interface Yard {
  readonly grid: Grid;
  readonly folder: string;
  /** Asks its database, past the grid: for what is measured. */
  rows<Row>(sql: string): Promise<Row[]>;
  stop(): Promise<void>;
}

/** Starts all roles in one process and waits until they answer. */
export async function startYard(lab: Lab, environment: NodeJS.ProcessEnv = {}): Promise<Yard> {
  await ensureBuilt();
  const { folder, remove } = await freshFolder();
  const inventory = path.join(folder, 'inventory');
  await writeInventory(inventory, lab);
  return startOn(inventory, folder, remove, environment);
}

/** The same with an inventory that is there already. */
export async function startYardWith(inventory: string): Promise<Yard> {
  await ensureBuilt();
  const { folder, remove } = await freshFolder();
  return startOn(inventory, folder, remove, {});
}

/** A database of its own: from the server that all tests share, or one for whoever shows this outside of them. */
async function databaseFor(folder: string): Promise<Pick<FreshDatabase, 'url' | 'drop'>> {
  if (process.env['VITEST'] !== undefined) return freshDatabase();
  const server = await startEmbeddedPostgres({ stateDir: path.join(folder, 'db') });
  return { url: server.url, drop: () => server.stop() };
}

async function startOn(
  inventory: string,
  folder: string,
  remove: () => Promise<void>,
  environment: NodeJS.ProcessEnv,
): Promise<Yard> {
  const database = await databaseFor(folder);
  const stateDir = path.join(folder, 'state');
  const listen = `127.0.0.1:${await freePort()}`;
  const up = new Program(
    ['--state-dir', stateDir, 'up', '--no-demo', '--inventory', inventory, '--listen', listen],
    { ...SECONDS, DATABASE_URL: database.url, ...environment },
  );
  const stop = async () => {
    up.kill('SIGINT');
    await up.end(60_000);
    await database.drop();
    await remove();
  };
  try {
    await up.printed(/the grid is up/, 120_000);
    const token = (await readFile(path.join(stateDir, 'admin-token'), 'utf8')).trim();
    return {
      grid: new Grid(`http://${listen}`, token),
      folder,
      rows: async <Row>(sql: string) => {
        let found: Row[] = [];
        await withClient(database.url, async (client) => {
          found = (await client.query(sql)).rows as Row[];
        });
        return found;
      },
      stop,
    };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}
