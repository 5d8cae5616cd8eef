import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunDetail } from '../../src/http/contract.js';
import { type FreshDatabase, freshDatabase } from '../database.js';
import { canRunLightHosts, freePort, type LightHost, lightHosts } from '../lab.js';
import { ensureBuilt, freshFolder, Program, testyard, until } from './program.js';
import { Grid, SECONDS, shellTest, writeInventory } from './yard.js';

const obstacle = canRunLightHosts();
const LIMIT_BYTES = 4 * 1024 * 1024;

/** Loaded into the executor before anything else: writes down every address that it connects to. */
const WATCH = `import { appendFileSync } from 'node:fs';
import net from 'node:net';
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const [first] = Array.isArray(args[0]) ? args[0] : args;
  const to = typeof first === 'object' ? first : { port: first };
  appendFileSync(process.env.CONNECTED_TO, (to.path ?? \`\${to.host}:\${to.port}\`) + '\\n');
  return connect.apply(this, args);
};
`;

describe.skipIf(obstacle !== undefined)(
  `a grid in pieces, with an executor elsewhere over HTTPS${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let folder = '';
    let remove = async () => {};
    let database: FreshDatabase | undefined;
    let host: LightHost;
    let grid: Grid;
    let fingerprint = '';
    let executor: Program | undefined;
    const programs: Program[] = [];
    const file = (name: string) => path.join(folder, name);

    const started = (
      args: readonly string[],
      environment: NodeJS.ProcessEnv,
      nodeArgs?: readonly string[],
    ) => {
      const program = new Program(args, { ...SECONDS, ...environment }, nodeArgs);
      programs.push(program);
      return program;
    };
    const executorArgs = (
      more: { api?: string; token?: string; fingerprint?: string; name?: string } = {},
    ) => [
      '--state-dir',
      file('executor'),
      'executor',
      '--api',
      more.api ?? grid.url,
      '--token-file',
      more.token ?? file('rack.token'),
      '--name',
      more.name ?? 'rack',
      '--fingerprint',
      more.fingerprint ?? fingerprint,
    ];
    const startExecutor = async () => {
      const watch = ['--import', file('watch.mjs')];
      executor = started(executorArgs(), { CONNECTED_TO: file('connected-to') }, watch);
      await executor.printed(/executor rack works for https/, 90_000);
    };
    const makeToken = async (name: string) => {
      const made = await grid.cli('token', 'create', name, '--executor');
      expect(made).toMatchObject({ code: 0 });
      await writeFile(file(`${name}.token`), made.out, { mode: 0o600 });
      return /^(t\d+) for/.exec(made.err)?.[1] ?? '';
    };
    const testFile = async (name: string, script: string, ...headers: readonly string[]) => {
      const { name: called, text } = shellTest(name, script, ...headers);
      await writeFile(file(called), text);
      return file(called);
    };
    /** How many processes of the host have this on their command line. */
    const alive = async (word: string) => (await host.exec(`pgrep -fc '[s]leep ${word}'`)).stdout.trim();
    const runOf = (out: string) => /^(r\d+) /m.exec(out)?.[1] ?? '';

    beforeAll(async () => {
      await ensureBuilt();
      ({ folder, remove } = await freshFolder());
      [host] = (await lightHosts(1)) as [LightHost];
      await writeInventory(file('inventory'), { hosts: [{ host }] });
      await writeFile(file('watch.mjs'), WATCH);
      const tls = ['-keyout', file('key.pem'), '-out', file('cert.pem'), '-subj', '/CN=grid'];
      const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-nodes'];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...tls, ...names], { stdio: 'ignore' });
      fingerprint = execFileSync(
        'openssl',
        ['x509', '-noout', '-fingerprint', '-sha256', '-in', file('cert.pem')],
        { encoding: 'utf8' },
      )
        .trim()
        .replace(/^.*=/, '');

      database = await freshDatabase();
      const listen = `127.0.0.1:${await freePort()}`;
      const environment = { DATABASE_URL: database.url, TESTYARD_OUTPUT_LIMIT_BYTES: String(LIMIT_BYTES) };
      const part = (name: string, ...args: readonly string[]) => ['--state-dir', file(name), 'up', ...args];
      const api = started(part('api', '--roles', 'api', '--listen', listen), {
        ...environment,
        TESTYARD_TLS_CERT: file('cert.pem'),
        TESTYARD_TLS_KEY: file('key.pem'),
      });
      await api.printed(/the grid is up at https/, 120_000);
      started(part('scheduler', '--roles', 'scheduler', '--inventory', file('inventory')), environment);
      const pem = await readFile(file('cert.pem'), 'utf8');
      const token = (await readFile(file('api/admin-token'), 'utf8')).trim();
      grid = new Grid(`https://${listen}`, token, { file: file('cert.pem'), pem });
      await mkdir(file('executor'), { recursive: true });
      await makeToken('rack');
      await startExecutor();
    }, 300_000);

    afterAll(async () => {
      for (const program of programs) if (!program.hasEnded) program.kill('SIGINT');
      for (const program of programs) await program.end(30_000).catch(() => undefined);
      await host?.stop();
      await database?.drop();
      await remove();
    }, 120_000);

    test('submit --watch ends with 0 for green, 1 for a red, 3 without a verdict, and says why', async () => {
      const green = await testFile(
        'green',
        'testyard-case boots pass --measurement 4.2 s\ntestyard-case prints skip',
      );
      const red = await testFile('red', 'echo no; exit 4');
      const unable = await testFile('unable', 'exit 99');
      const [passed, failed, none] = await Promise.all([
        grid.cli('submit', green, '--watch'),
        grid.cli('submit', green, red, unable, '--watch'),
        grid.cli('submit', unable, green, '--watch'),
      ]);
      expect(passed.code).toBe(0);
      expect(passed.out).toMatch(/^r\d+ +green +passed +exit 0/m);
      expect(failed.code).toBe(1);
      expect(failed.out).toMatch(/ red +failed +exit 4/);
      expect(none.code).toBe(3);
      expect(none.out).toMatch(/ unable +could not run +.*exit 99/);
      const shown = await grid.cli('show', runOf(passed.out));
      expect(shown.out).toMatch(/case +boots +pass +4\.2 s/);
      expect(shown.out).toMatch(/case +prints +skip/);
      expect(shown.out).toMatch(new RegExp(`on ${host.name}.* by rack: ended`));
    });

    test('logs -f shows output while the test runs', async () => {
      await host.exec('rm -f /var/tmp/go');
      const wait = 'echo one; until [ -e /var/tmp/go ]; do sleep 0.1; done; echo two';
      const run = await grid.submitOne(shellTest('talks', wait));
      const logs = grid.begin('logs', '-f', run);
      await logs.printed(/one\n/, 60_000);
      expect((await grid.run(run)).state).toBe('running');
      expect(logs.out).not.toContain('two');
      await host.exec('touch /var/tmp/go');
      expect(await logs.end(60_000)).toMatchObject({ code: 0, out: 'one\ntwo\n' });
    });

    test('three megabytes of binary output arrive byte for byte', async () => {
      const script = 'head -c 3145728 /dev/urandom >/var/tmp/bytes; cat /var/tmp/bytes';
      const { id, verdict } = await grid.carryOut(shellTest('binary', script));
      expect(verdict).toBe('passed');
      const logs = await grid.cli('logs', id);
      const sent = (await host.exec('sha256sum </var/tmp/bytes')).stdout.split(' ')[0];
      expect(logs.bytes).toHaveLength(3_145_728);
      expect(createHash('sha256').update(logs.bytes).digest('hex')).toBe(sent);
    });

    test('output beyond the limit is cut in the middle, and says so', async () => {
      const script = 'echo the first line; seq 1000000 1999999; echo the last line';
      const { id, verdict, attemptList } = await grid.carryOut(shellTest('verbose', script));
      expect(verdict).toBe('passed');
      const cut = attemptList[0]?.places[0]?.outputCut;
      expect(cut).toBeGreaterThan(3_000_000);
      const { out, bytes } = await grid.cli('logs', id);
      expect(out.startsWith('the first line\n1000000\n')).toBe(true);
      expect(out.endsWith('1999999\nthe last line\n')).toBe(true);
      expect(/\n\[testyard: (\d+) bytes left out here\]\n/.exec(out)?.[1]).toBe(String(cut));
      expect(bytes.length).toBeLessThan(LIMIT_BYTES + 1000);
      expect(bytes.length).toBeGreaterThan(LIMIT_BYTES / 2);
    });

    test('cancel in the middle stops the test on its host within seconds', async () => {
      const run = await grid.submitOne(shellTest('long', 'sleep 4711 & setsid sleep 4711 & sleep 4711'));
      await until('it runs', 60_000, async () => (await alive('4711')) === '3');
      const cancelled = await grid.cli('cancel', run, '--why', 'no longer wanted');
      expect(cancelled.code).toBe(0);
      await until('it is stopped', 10_000, async () => (await alive('4711')) === '0');
      const done = await grid.done(run, 30_000);
      expect(done).toMatchObject({ verdict: 'none', noVerdict: 'cancelled' });
      expect(done.reason).toMatch(/cancelled by/);
    });

    test('halt --kill stops what runs, starts nothing, and after resume it is run again', async () => {
      const again =
        'if [ "$TESTYARD_ATTEMPT_NUMBER" -gt 1 ]; then exit 0; fi; setsid sleep 4712 & sleep 4712';
      const run = await grid.submitOne(shellTest('halted', again));
      await until('it runs', 60_000, async () => (await alive('4712')) === '2');
      const halted = await grid.cli('halt', '--why', 'moving the rack', '--kill');
      expect(halted.out).toMatch(/halted/);
      await until('it is stopped', 10_000, async () => (await alive('4712')) === '0');
      const waits = await grid.when(run, 'waits', (r) => r.state === 'waiting');
      expect(waits.attempts).toBe(1);
      const why = await grid.when(run, 'says why', (r) => /halted|moving the rack/.test(r.reason), 30_000);
      expect(why.state).toBe('waiting');
      expect((await grid.cli('status')).out).toMatch(/moving the rack/);
      expect((await grid.cli('resume')).code).toBe(0);
      expect(await grid.done(run)).toMatchObject({ verdict: 'passed', attempts: 2 });
    });

    test('an executor killed in the middle of a test: a second attempt, only when all of the first is dead', async () => {
      const script = `if [ "$TESTYARD_ATTEMPT_NUMBER" -gt 1 ]; then
  until [ -e /var/tmp/seen ]; do sleep 0.1; done; exit 0
fi
sleep 4713 & setsid sleep 4713 & env -i setsid sleep 4713 &
setsid sh -c 'trap "" HUP TERM INT; while :; do sleep 4713; done' &
sleep 4713`;
      const run = await grid.submitOne(shellTest('survivors', script));
      await until('it runs', 60_000, async () => Number(await alive('4713')) >= 5);
      executor?.kill('SIGKILL');
      await executor?.end(10_000);
      await startExecutor();
      const second = (r: RunDetail) => r.attemptList[1]?.testStartedAt !== undefined;
      await grid.when(run, 'is tried again', second);
      // Looked at from outside of the test's own namespaces.
      expect(await alive('4713')).toBe('0');
      await host.exec('touch /var/tmp/seen');
      const done = await grid.done(run);
      expect(done).toMatchObject({ verdict: 'passed', attempts: 2 });
      expect(done.attemptList.map((a) => [a.outcome, a.places[0]?.host])).toEqual([
        ['executor_lost', host.name],
        ['ended', host.name],
      ]);
      expect((await grid.host(host.name)).health).toBe('good');
      const verdicts = (await grid.runs('&test=survivors')).filter((said) => said.id === run);
      expect(verdicts).toHaveLength(1);
    });

    test('the executor knows no database: it has connected to the API and its hosts, and nothing else', async () => {
      const known = (await readFile(`/proc/${executor?.pid}/environ`, 'utf8')).split('\0');
      expect(known.filter((entry) => /^(DATABASE_URL|PG[A-Z]+)=/.test(entry))).toEqual([]);
      const seen = new Set((await readFile(file('connected-to'), 'utf8')).trim().split('\n'));
      const { address, port } = host.transport;
      expect([...seen].sort()).toEqual([`${address}:${port}`, new URL(grid.url).host].sort());
    });

    test('a wrong certificate, a wrong token or plain http: refused with one clear message', async () => {
      const refusal = async (more: Parameters<typeof executorArgs>[0]) => {
        const ended = await testyard(executorArgs({ name: 'stranger', ...more }), SECONDS, 30_000);
        expect(ended).toMatchObject({ code: 3, out: '' });
        expect(ended.err.trim().split('\n')).toHaveLength(1);
        return ended.err;
      };
      const wrong = 'ab'.repeat(32);
      const pinned = fingerprint.replaceAll(':', '').toLowerCase();
      await writeFile(
        file('wrong.token'),
        `${(await readFile(file('rack.token'), 'utf8')).trim().slice(0, -4)}aaaa`,
      );
      await writeFile(file('person.token'), `${grid.token}\n`);
      expect(await refusal({ fingerprint: wrong })).toMatch(
        `shows certificate ${pinned}, and ${wrong} is pinned`,
      );
      expect(await refusal({ token: file('wrong.token') })).toMatch(/could not be started: .*401.*token/);
      expect(await refusal({ token: file('person.token') })).toMatch(/403.*token of kind executor/);
      const outside = Object.values(networkInterfaces())
        .flat()
        .find((one) => one?.family === 'IPv4' && !one.internal);
      const plain = `http://${outside?.address ?? '192.0.2.1'}:7070`;
      expect(await refusal({ api: plain })).toMatch(/without https a grid is only asked on this machine/);
      // And the API does not offer it.
      const up = ['--state-dir', file('plain'), 'up', '--roles', 'api', '--listen', '0.0.0.0:0'];
      const refused = await testyard(up, { DATABASE_URL: database?.url }, 60_000);
      expect(refused).toMatchObject({ code: 3, out: '' });
      expect(refused.err).toMatch(/Plain HTTP is for loopback addresses only/);
    });

    test('a revoked token ends the work under it, on the host too, and is told once', async () => {
      const run = await grid.submitOne(shellTest('revoked', 'setsid sleep 4714 & sleep 4714'));
      await until('it runs', 60_000, async () => (await alive('4714')) === '2');
      const { out } = await grid.cli('token', 'list');
      const token = /^(t\d+) +rack /m.exec(out)?.[1] ?? '';
      expect((await grid.cli('token', 'revoke', token)).out).toMatch(/is revoked/);
      await executor?.printed(/401.*revoked/, 30_000);
      await until('its work is stopped', 30_000, async () => (await alive('4714')) === '0');
      const waits = await grid.when(run, 'waits', (r) => r.state === 'waiting', 30_000);
      expect(waits.attemptList[0]?.outcome).toBe('executor_lost');
      expect(executor?.err.match(/revoked/g)).toHaveLength(1);
      expect((await grid.host(host.name)).health).toBe('good');
    }, 120_000);
  },
);
