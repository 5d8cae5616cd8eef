import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/adapters/embedded-postgres.js';
import { type LightHost, lightHosts } from '../../test/lab.js';
import { Api, adminToken, freePort, Part, patiently, pause, writeInventory } from './grid.js';

/** Leases of seconds, so that a campaign sees many of them lapse. */
const SECONDS = {
  TESTYARD_LEASE_TTL_MS: '3000',
  TESTYARD_LEASE_RENEW_MS: '500',
  TESTYARD_LEADER_TTL_MS: '3000',
  TESTYARD_BEAT_MS: '200',
  TESTYARD_CHECK_FIRST_S: '1',
  TESTYARD_KEEPALIVE_MS: '1000',
  TESTYARD_RECONNECT_MS: '10000',
  TESTYARD_ANSWER_MS: '4000',
  TESTYARD_CONNECT_MS: '15000',
};

const TAGS = `tags:
  prepared:
    meaning: A file that a step has put there.
    probe: test -e /var/tmp/ty-prepared
  tool:
    meaning: Something that is installed on the image.
    probe: test -e /opt/tool
  built:
    meaning: Something that was built with the tool.
    probe: test -e /opt/built
`;

const STEPS = `steps:
  prepare:
    layer: use
    owner: steps@example.org
    gives: [prepared]
    cost: 1s
    timeout: 60s
    script: |
      sleep 0.4
      touch /var/tmp/ty-prepared
    undo: rm -f /var/tmp/ty-prepared
`;

const PRISTINE = `  pristine:
    layer: image
    owner: steps@example.org
    gives: [pristine-image]
    cost: 5s
    timeout: 2m
    restore: minbase
    no_undo: the next image takes its place
  tool:
    layer: packages
    owner: steps@example.org
    needs: [pristine-image]
    gives: [tool]
    cost: 1s
    timeout: 60s
    script: |
      date +%s%N >/opt/tool.part
      sleep 0.5
      mv /opt/tool.part /opt/tool
    undo: rm -f /opt/tool /opt/tool.part
  built:
    layer: build
    owner: steps@example.org
    needs: [tool]
    gives: [built]
    cost: 1s
    timeout: 60s
    script: |
      cp /opt/tool /opt/built.part
      sleep 0.5
      mv /opt/built.part /opt/built
    undo: rm -f /opt/built /opt/built.part
`;

/** A grid in pieces, on real hosts: API, scheduler, two executors and PostgreSQL, each to be broken by itself. */
export class Campaign {
  readonly parts: ReadonlyMap<string, Part>;
  private guard: NodeJS.Timeout | undefined;
  /** Parts that are meant to be down for now. */
  readonly down = new Set<string>();

  private constructor(
    readonly folder: string,
    readonly hosts: readonly LightHost[],
    private postgres: EmbeddedPostgres | undefined,
    readonly databaseUrl: string,
    readonly api: Api,
    readonly executorTokens: ReadonlyMap<string, string>,
    parts: readonly Part[],
  ) {
    this.parts = new Map(parts.map((part) => [part.name, part]));
  }

  /** Builds all of it; `many` hosts have `seats` seats, `pristine` ones have one and can be put back. */
  static async build(size: {
    readonly many: number;
    readonly seats: number;
    readonly pristine: number;
  }): Promise<Campaign> {
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-crash-'));
    const hosts = await lightHosts(size.many + size.pristine);
    const inventory = path.join(folder, 'inventory');
    await writeInventory(
      inventory,
      hosts.map((host, i) => ({
        name: host.name,
        transport: host.transport,
        ...(i < size.many ? { seats: size.seats } : { restore: host.restore.command }),
      })),
      { tags: `${TAGS}  pristine-image:\n    meaning: The image was put back.\n`, steps: STEPS + PRISTINE },
    );
    const postgres = await startEmbeddedPostgres({ stateDir: path.join(folder, 'db') });
    const listen = `127.0.0.1:${await freePort()}`;
    const environment = { ...SECONDS, DATABASE_URL: postgres.url };
    const logs = path.join(folder, 'logs');
    await mkdir(logs);
    const role = (name: string, roles: string[], more: string[] = []) =>
      new Part(
        name,
        ['--state-dir', path.join(folder, name), 'up', '--no-demo', '--roles', ...roles, ...more],
        environment,
        logs,
      );
    const api = role('api', ['api'], ['--listen', listen]);
    const scheduler = role('scheduler', ['scheduler'], ['--inventory', inventory]);
    api.start();
    const token = await patiently('the admin token', 60_000, async () => {
      const found = adminToken(path.join(folder, 'api'));
      if (found === undefined) throw new Error('there is none yet');
      return found;
    });
    const client = new Api(`http://${listen}`, token);
    await patiently('the API', 60_000, () => client.ask('GET', '/api/v1/grid'));
    scheduler.start();
    const tokens = new Map<string, string>();
    const executors: Part[] = [];
    for (const name of ['executor-1', 'executor-2']) {
      const { secret } = await client.ask<{ secret: string }>('POST', '/api/v1/tokens', {
        name,
        kind: 'executor',
      });
      tokens.set(name, secret);
      const file = path.join(folder, `${name}.token`);
      await writeFile(file, `${secret}\n`, { mode: 0o600 });
      const args = [
        '--state-dir',
        path.join(folder, name),
        'executor',
        '--api',
        client.url,
        '--token-file',
        file,
        '--name',
        name,
      ];
      // Without the database's address: an executor has none.
      executors.push(new Part(name, args, { ...SECONDS, DATABASE_URL: '' }, logs));
    }
    for (const part of executors) part.start();
    const campaign = new Campaign(folder, hosts, postgres, postgres.url, client, tokens, [
      api,
      scheduler,
      ...executors,
    ]);
    campaign.watch();
    return campaign;
  }

  /** Starts again what has died, a moment later, as a service manager would. */
  private watch(): void {
    this.guard = setInterval(() => {
      for (const part of this.parts.values()) if (!part.running && !this.down.has(part.name)) part.start();
    }, 300);
  }

  /** A part by its name. */
  part(name: string): Part {
    const part = this.parts.get(name);
    if (part === undefined) throw new Error(`there is no part ${name}`);
    return part;
  }

  /** Asks the database itself, past the grid; for what is measured. */
  async rows<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl, application_name: 'campaign' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql, [...parameters])).rows as Row[];
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** PostgreSQL dies as at a loss of power, and is started again after `forMs`. */
  async killPostgres(forMs: number): Promise<void> {
    if (this.postgres === undefined) return;
    process.kill(this.postgres.pid, 'SIGKILL');
    this.postgres = undefined;
    await pause(forMs);
    this.postgres = await startEmbeddedPostgres({ stateDir: path.join(this.folder, 'db') });
  }

  /** Cuts every connection of the grid to the database. */
  async cutDatabase(): Promise<void> {
    await this.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'testyard%' AND pid <> pg_backend_pid()`,
    );
  }

  /** Ends everything; keeps the logs where `keep` says so. */
  async end(keep: boolean): Promise<void> {
    clearInterval(this.guard);
    for (const part of this.parts.values()) this.down.add(part.name);
    await Promise.all([...this.parts.values()].map((part) => part.signal('SIGKILL')));
    for (const host of this.hosts) await host.stop().catch(() => undefined);
    await this.postgres?.stop();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }
}
