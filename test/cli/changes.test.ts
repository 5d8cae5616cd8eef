import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AptRepository } from '../../lab/apt-repository.js';
import { AptArrivals } from '../../src/adapters/arrivals-apt.js';
import { Cron } from '../../src/adapters/cron.js';
import { Watcher } from '../../src/stages/watch.js';
import { startTestApi, type TestApi } from '../http/api.js';
import { BuiltCli } from './built-cli.js';

let cli: BuiltCli;
let api: TestApi;
let debs: AptRepository;
let developer: string;

beforeAll(async () => {
  cli = new BuiltCli();
  debs = await AptRepository.start();
  api = await startTestApi();
  const dan = path.join(cli.folder, 'dan');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'dan', '-f', dan]);
  const key = debs.key.replaceAll('\n', '\\n');
  const watches = `watches:
  debs:
    apt: {url: "${debs.url}", suite: stable, key: "${key}"}
    signers: {dan: {ssh: "${readFileSync(`${dan}.pub`, 'utf8').trim()}"}}
`;
  writeFileSync(path.join(cli.folder, 'watches.yaml'), watches);
  developer = (await api.token({ name: 'dan', roles: { default: 'developer' } })).secret;
}, 300_000);
afterAll(async () => {
  await api?.close();
  await debs?.stop();
  cli?.remove();
});

const as = async (token: string, code: number, ...args: string[]) => {
  const done = await cli.run(args, { TESTYARD_URL: api.url, TESTYARD_TOKEN: token });
  expect(done.code, `${done.out}${done.err}`).toBe(code);
  return done;
};
const look = async () => {
  await api.store.rows(`UPDATE watch SET asked_at = grid_now()`);
  const apt = new AptArrivals();
  const none = { apt, dnf: apt, git: apt, image: apt, test: apt };
  await new Watcher(api.store, none, new Cron(), () => undefined).look();
};

describe('what arrives, at the command line', () => {
  it('from the inventory to the baseline, with a candidate that is pushed', async () => {
    const lab = path.join(cli.folder, 'lab');
    execFileSync('mkdir', ['-p', lab]);
    writeFileSync(path.join(lab, 'grid.yaml'), 'name: lab\nadmin: ann\n');
    execFileSync('cp', [path.join(cli.folder, 'watches.yaml'), lab]);
    expect((await as(api.admin, 0, 'watches')).err).toContain('nothing is watched: see docs/how-to/watch.md');
    expect((await as(api.admin, 0, 'inventory', 'apply', lab)).out).toMatch(/watch.*debs/);

    await debs.publish('stable', [{ name: 'app', version: '1.0' }]);
    await look();
    await debs.publish('stable', [{ name: 'app', version: '1.1', maintainer: 'Ann <ann@example.org>' }]);
    await look();
    expect((await as(developer, 0, 'watches')).out).toMatch(/debs\s+apt\s+1\s+1\s/);
    expect((await as(developer, 0, 'components', '--watch', 'debs')).out).toMatch(
      /debs\/app\s+1\.0\s.*1\.1\s+1\s/,
    );
    expect((await as(developer, 0, 'changes')).out).toMatch(
      /c1\s+debs\/app\s+1\.1\s+new\s.*ann@example\.org\s+app 1\.1/,
    );
    expect(JSON.parse((await as(developer, 0, 'changes', '--state', 'new', '--json')).out)).toHaveLength(1);
    expect((await as(developer, 0, 'changes', '--state', 'blamed')).err).toContain('there is no such change');
    expect((await as(developer, 0, 'baseline')).out).toMatch(/debs\/app\s+1\.0\s.*taken as it was found/);
    expect((await as(developer, 0, 'baseline', '--at', '2020-01-01')).err).toContain(
      'nothing was trusted at 2020',
    );
    expect((await as(developer, 2, 'baseline', '--at', 'yesterday')).err).toContain(
      "'yesterday' is no moment",
    );

    await debs.publish('candidates', [{ name: 'app', version: '1.2~dan' }]);
    const file = debs.fileOf({ name: 'app', version: '1.2~dan' });
    rmSync(`${file}.sig`, { force: true });
    const refused = await as(developer, 2, 'push', file, '--component', 'debs/app');
    expect(refused.err).toContain('it is not signed; it takes a signature of dan');
    const key = path.join(cli.folder, 'dan');
    execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'testyard', '-f', key, file], { stdio: 'ignore' });
    const pushed = await as(developer, 0, 'push', file, '--component', 'debs/app');
    expect(pushed.out).toBe('c2: debs/app 1.2~dan (pushed by dan, signed by dan)\n');
    expect((await as(developer, 2, 'push', 'nothing.deb', '--component', 'debs/app')).err).toContain(
      'there is no file',
    );
  }, 120_000);

  it('completes the names of watches and components', async () => {
    const done = await as(developer, 0, 'complete', '--', 'changes', '--watch', '');
    expect(done.out).toContain('debs');
  });
});
