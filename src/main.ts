import { readHandlerList } from './adapters/handler-list.js';
import { ProcessHandlers } from './adapters/process-handlers.js';
import 'reflect-metadata';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { AptArrivals } from './adapters/arrivals-apt.js';
import { DnfArrivals } from './adapters/arrivals-dnf.js';
import { GitArrivals } from './adapters/arrivals-git.js';
import { ImageArrivals } from './adapters/arrivals-images.js';
import { TestArrivals } from './adapters/arrivals-tests.js';
import { CommandImages } from './adapters/command-images.js';
import { Cron } from './adapters/cron.js';
import { startEmbeddedPostgres } from './adapters/embedded-postgres.js';
import { FolderBlobs } from './adapters/folder-blobs.js';
import { Git } from './adapters/git.js';
import { HmacHookSignatures } from './adapters/hook-signature.js';
import { HttpsLink } from './adapters/https-link.js';
import { ImageStore } from './adapters/image-store.js';
import { readInventory } from './adapters/inventory-files.js';
import { LocalShell } from './adapters/local.js';
import { ProcessCommands } from './adapters/process-commands.js';
import { PushedCandidates } from './adapters/pushed-candidates.js';
import { Smtp } from './adapters/smtp.js';
import { SshShell } from './adapters/ssh.js';
import { SignedWebHooks } from './adapters/web-hook.js';
import { type Config, readConfig } from './config.js';
import { Executor } from './executor/executor.js';
import { startApi } from './http/server.js';
import type { GridLink } from './protocol/grid-link.js';
import { Claims } from './stages/claims.js';
import { HealthChecks } from './stages/health-check.js';
import { Heartbeat } from './stages/heartbeat.js';
import { RecordDesk } from './stages/record.js';
import { Sender } from './stages/send.js';
import { Watcher } from './stages/watch.js';
import { ensureAdminToken, newSecret } from './store/access.js';
import { applyInventory } from './store/inventory.js';
import { migrate } from './store/migrate.js';
import { Store } from './store/store.js';
import { Wakeup } from './store/wakeup.js';
import { imagesNow, testsNow } from './store/watching.js';

/** A part of the grid; one process can be all of them. */
export type Role = 'api' | 'scheduler' | 'executor';

/** A grid, or a part of one, that runs in this process. */
export interface RunningGrid {
  /** Where the API listens; '' where this process has none. */
  readonly url: string;
  readonly adminTokenFile: string;
  stop(): Promise<void>;
}

/** Starts the roles asked for; stops what it had started where one of them cannot start. */
export async function startGrid(options: {
  readonly stateDir: string;
  readonly listen?: string;
  readonly databaseUrl?: string;
  readonly roles: readonly Role[];
  readonly inventoryDir?: string;
  readonly log: (line: string) => void;
}): Promise<RunningGrid> {
  const { stateDir, roles, log } = options;
  const config = readConfig(process.env);
  const started: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of started.splice(0).reverse())
      await end().catch((error: unknown) => log(`stopping: ${told(error)}`));
  };
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const url = options.databaseUrl ?? (await embedded(stateDir, log, started));
    await migrate(url);
    // Half of the connections each; a deciding transaction needs two at once, beside those of reports.
    const half = config.dbPool / 2;
    const store = await Store.open(url, { poolSize: Math.max(2, Math.floor(half)) });
    started.push(() => store.close());
    const hot = await Store.open(url, { poolSize: Math.max(3, Math.ceil(half)), plans: 'once' });
    started.push(() => hot.close());
    const wakeup = new Wakeup(url);
    await wakeup.start();
    started.push(() => wakeup.close());
    const adminTokenFile = path.join(stateDir, 'admin-token');
    const answerKey = config.answerKey ?? (await secretIn(path.join(stateDir, 'answer-key')));
    let apiUrl = '';
    const claims = new Claims();
    const blobs = await FolderBlobs.open(path.join(stateDir, 'blobs'));
    const desk = new RecordDesk(hot, wakeup, config.settings, claims, blobs);
    if (roles.includes('scheduler')) {
      if (options.inventoryDir !== undefined) await applyFrom(options.inventoryDir, store, log);
      const heartbeat = new Heartbeat(hot, config.settings, log, claims);
      heartbeat.start(wakeup);
      started.push(() => heartbeat.stop());
      // The API has its address only once it listens.
      const links = () => ({ base: config.publicUrl ?? apiUrl, key: answerKey });
      const ways = { mailer: new Smtp(), webHooks: new SignedWebHooks(), blobs, links };
      const sender = new Sender(store, ways, log);
      sender.start(wakeup);
      started.push(() => sender.stop());
      const checks = new HealthChecks(store, new Cron(), log);
      checks.start();
      started.push(() => checks.stop());
      const watcher = new Watcher(store, arrivalsOf(store, stateDir), new Cron(), log);
      watcher.start();
      started.push(() => watcher.stop());
    }
    if (roles.includes('api')) {
      await ensureAdminToken(store, await secretIn(adminTokenFile));
      const api = await startApi({
        store,
        wakeup,
        link: desk,
        blobs,
        source: new Git(path.join(stateDir, 'git')),
        candidates: new PushedCandidates(blobs),
        hookSignatures: new HmacHookSignatures(),
        listen: {
          ...address(options.listen ?? '127.0.0.1:7070'),
          ...(config.tls === undefined ? {} : { tls: config.tls }),
        },
        version: version(),
        reserveMostS: config.reserveMostS,
        answerKey,
        artefactLimitBytes: config.artefactLimitBytes,
        log: pino({ level: process.env['TESTYARD_LOG'] ?? 'error' }),
      });
      started.push(() => api.close());
      apiUrl = api.url;
      await writeFile(path.join(stateDir, 'url'), `${apiUrl}\n`);
    }
    if (roles.includes('executor')) {
      started.push(await startHands(desk, `built-in@${hostname()}`, stateDir, config, log));
    }
    return { url: apiUrl, adminTokenFile, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts an executor for a grid elsewhere: over HTTPS, with a token, without any database. */
export async function startExecutor(options: {
  readonly api: string;
  readonly tokenFile: string;
  readonly name: string;
  readonly fingerprint?: string;
  readonly stateDir: string;
  readonly log: (line: string) => void;
}): Promise<{ stop(): Promise<void> }> {
  const config = readConfig(process.env);
  const link = new HttpsLink({
    base: options.api,
    token: (await readFile(options.tokenFile, 'utf8')).trim(),
    ...(options.fingerprint === undefined ? {} : { fingerprint256: options.fingerprint }),
  });
  const end = await startHands(link, options.name, options.stateDir, config, options.log);
  return {
    stop: async () => {
      await end();
      link.close();
    },
  };
}

/** What looks at each kind of place where new versions arrive. */
function arrivalsOf(store: Store, stateDir: string) {
  return {
    apt: new AptArrivals(),
    dnf: new DnfArrivals(),
    git: new GitArrivals(path.join(stateDir, 'watched')),
    image: new ImageArrivals(() => imagesNow(store)),
    test: new TestArrivals((project) => testsNow(store, project)),
  };
}

async function startHands(
  link: GridLink,
  name: string,
  stateDir: string,
  config: Config,
  log: (line: string) => void,
): Promise<() => Promise<void>> {
  const ssh = new SshShell({ intervalMs: config.keepAliveMs, misses: 3 });
  const local = new LocalShell({ masked: [stateDir] });
  const here = new ProcessCommands();
  const executor = new Executor({
    link,
    shell: (kind) => (kind === 'ssh' ? ssh : local),
    images: new CommandImages(new ImageStore(path.join(stateDir, 'images'), here), here),
    here,
    source: new Git(path.join(stateDir, 'step-sources')),
    keepDir: path.join(stateDir, 'steps'),
    handlers: new ProcessHandlers(readHandlerList(config.handlersFile), [stateDir]),
    name: name.replace(/[^A-Za-z0-9._-]/g, '-'),
    capacity: config.capacity,
    spoolDir: path.join(stateDir, 'spool'),
    artefactDir: path.join(stateDir, 'artefacts'),
    artefactCacheBytes: config.artefactCacheBytes,
    limits: { connectMs: config.connectMs, reconnectMs: config.reconnectMs, answerMs: config.answerMs },
    log: (level, message, fields = {}) => {
      if (level !== 'info') log(`executor: ${[message, ...Object.values(fields)].join(': ')}`);
    },
  });
  await executor.start();
  return () => executor.stop();
}

/** The embedded server, and its supervisor: when it dies it is started again, at the same address. */
async function embedded(
  stateDir: string,
  log: (line: string) => void,
  started: (() => Promise<unknown>)[],
): Promise<string> {
  let server = await startEmbeddedPostgres({ stateDir, log });
  const { url } = server;
  let restarting: Promise<void> | undefined;
  const restart = async () => {
    log('the embedded PostgreSQL has died; it is started again');
    server = await startEmbeddedPostgres({ stateDir, log });
    if (server.url !== url)
      throw new Error('the embedded PostgreSQL came back at another address: start testyard anew');
  };
  const watch = setInterval(() => {
    if (restarting !== undefined || lives(server.pid)) return;
    restarting = restart()
      .catch((error: unknown) => log(`PostgreSQL: ${told(error)}`))
      .finally(() => {
        restarting = undefined;
      });
  }, 500);
  started.push(async () => {
    clearInterval(watch);
    await restarting;
    await server.stop();
  });
  return url;
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function applyFrom(folder: string, store: Store, log: (line: string) => void): Promise<void> {
  const result = await readInventory(folder);
  if (!result.ok) {
    const lines = result.problems.map(
      (p) => `${p.file}${p.line === undefined ? '' : `:${p.line}:${p.column ?? 1}`}: ${p.message}`,
    );
    throw new Error(`the inventory in ${folder} is wrong:\n${lines.join('\n')}`);
  }
  for (const warning of result.warnings)
    log(
      `inventory: ${warning.file}${warning.line === undefined ? '' : `:${warning.line}`}: ${warning.message}`,
    );
  const applied = await applyInventory(store, result.inventory, { drain: true });
  if (applied.kind === 'refused') {
    const lines = applied.problems.map(({ message }) => message);
    throw new Error(`the inventory in ${folder} cannot be applied now:\n${lines.join('\n')}`);
  }
}

/** The admin's secret of this state folder; made at the first start, readable by its owner alone. */
async function secretIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = newSecret();
  await writeFile(`${file}.new`, `${secret}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secret;
}

function address(listen: string): { host: string; port: number } {
  const found = /^(\[[0-9a-fA-F:]+\]|[^:]+):([0-9]{1,5})$/.exec(listen);
  const port = Number(found?.[2]);
  if (found?.[1] === undefined || port > 65_535)
    throw new Error(`'${listen}' is no address to listen on: say HOST:PORT`);
  return { host: found[1].replace(/^\[|\]$/g, ''), port };
}

function version(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}

function told(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
