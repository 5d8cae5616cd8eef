import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunSshdHosts, type LabHost, sshdHosts } from '../lab.js';
import { BuiltCli } from './built-cli.js';

describe.skipIf(canRunSshdHosts())('testyard run --host', () => {
  let cli: BuiltCli;
  let folder: string;
  let home: string;
  let host: LabHost;
  let to: string;
  let hashed: string;

  beforeAll(async () => {
    cli = new BuiltCli();
    folder = mkdtempSync(path.join(tmpdir(), 'run-host-'));
    home = path.join(folder, 'home');
    mkdirSync(path.join(home, '.ssh'), { recursive: true });
    [host] = (await sshdHosts(1, ['ecdsa', 'ed25519'])) as [LabHost];
    const { user, address, port, hostKeys } = host.transport;
    to = `${user}@${address}:${port}`;
    // As OpenSSH itself writes it, hashed.
    hashed = path.join(folder, 'known_hosts');
    writeFileSync(hashed, `[${address}]:${port} ${hostKeys[0]}\n`);
    expect((await host.exec(`ssh-keygen -q -H -f ${hashed}`)).code).toBe(0);
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/);
  }, 60_000);

  afterAll(async () => {
    await host?.stop();
    cli?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, body: string, header = '') => {
    const at = path.join(folder, name);
    writeFileSync(at, `#!/bin/sh\n${header}\n${body}\n`);
    return at;
  };
  const run = (...args: string[]) => cli.run(['run', ...args], { HOME: home });
  const there = () => ['--host', to, '--key', host.transport.keyFile, '--known-hosts', hashed];

  it('refuses a host whose key nobody vouches for, and says what to type', async () => {
    const test = file('plain.sh', 'exit 0');
    const refused = await run(test, '--host', to, '--key', host.transport.keyFile);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/is not in .*known_hosts: nothing proves that it is the right machine\n/);
    const typed = /--host-key (SHA256:\S+)/.exec(refused.err)?.[1] ?? '';
    const { address, port } = host.transport;
    const scan = `ssh-keyscan -t ed25519 -p ${port} ${address} 2>/dev/null | ssh-keygen -lf -`;
    expect((await host.exec(scan)).stdout).toContain(typed);
    const trusted = await run(test, '--host', to, '--key', host.transport.keyFile, '--host-key', typed);
    expect(trusted.out, trusted.err).toMatch(/^passed plain: exit 0/);
  });

  it('refuses another key than the one that is pinned', async () => {
    const wrong = `SHA256:${'A'.repeat(43)}`;
    const refused = await run(
      file('plain.sh', 'exit 0'),
      '--host',
      to,
      '--key',
      host.transport.keyFile,
      '--host-key',
      wrong,
    );
    expect(refused).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/has no key SHA256:A+: it shows ssh-ed25519 SHA256:/),
    });
  });

  it('takes ~/.ssh/known_hosts and the key in ~/.ssh', async () => {
    const ssh = path.join(home, '.ssh');
    writeFileSync(path.join(ssh, 'known_hosts'), readFileSync(hashed));
    writeFileSync(path.join(ssh, 'id_ed25519'), readFileSync(host.transport.keyFile), { mode: 0o600 });
    const done = await run(file('plain.sh', 'echo "on $TESTYARD_HOST"'), '--host', to);
    expect(done.out, done.err).toBe(`on ${to}\n${done.out.split('\n')[1]}\n`);
    expect(done.code).toBe(0);
    rmSync(ssh, { recursive: true });
    mkdirSync(ssh);
  });

  it('says there what is said here', async () => {
    const tests = path.join(folder, 'same');
    mkdirSync(tests);
    const bodies: Record<string, string> = {
      passes: 'exit 0',
      fails: 'exit 3',
      skips: 'exit 77',
      cannot: 'exit 99',
      lacks: 'no-such-command-at-all',
      killed: 'kill -9 $$',
      cases: 'testyard-case one pass; testyard-case two fail',
      slow: '# \nsleep 60',
      tap: "printf '1..2\\nok 1 - one\\n'",
    };
    const headers: Record<string, string> = {
      slow: '# testyard: timeout: 1s',
      tap: '# testyard: output: tap',
    };
    for (const [name, body] of Object.entries(bodies)) file(`same/${name}.sh`, body, headers[name]);
    const verdicts = async (...where: string[]) => {
      const done = await run(tests, '--json', ...where);
      const lines = done.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const said = lines.filter(({ kind }) => kind === 'verdict');
      return { code: done.code, said: said.map(({ marks, ...verdict }) => verdict) };
    };
    const here = await verdicts();
    expect(here.said).toHaveLength(9);
    expect(await verdicts(...there())).toEqual(here);
  });

  it('is root there where the login is, which this machine never gives', async () => {
    const test = file('as-root.sh', 'exit 0', '# testyard: requires: root');
    expect((await run(test)).out).toMatch(
      /^not compatible as-root: tests never run as root on the machine itself/,
    );
    const done = await run(test, ...there());
    expect(done.out, done.err).toMatch(
      host.transport.user === 'root' ? /^passed as-root/ : /^not compatible as-root/,
    );
  });

  it('leaves nothing running there, keeps results, and ends on Ctrl-C', async () => {
    const results = path.join(folder, 'results');
    const test = file('endless.sh', 'echo begun; sleep 987123 & sleep 987123');
    const running = cli.start(['run', test, ...there(), '--results', results], { HOME: home });
    await running.printed(/begun/);
    const second = await run(file('plain.sh', 'exit 0'), ...there());
    expect(second).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining("another 'testyard run' of yours works on"),
    });
    running.child.kill('SIGINT');
    const done = await running.ended;
    expect(done.out).toMatch(/^cancelled endless: /m);
    expect(done.code).toBe(3);
    expect((await host.exec('pgrep -fx "sleep 987123" || true')).stdout).toBe('');
    const [kept = ''] = readdirSync(results);
    const environment = JSON.parse(readFileSync(path.join(results, kept, 'environment.json'), 'utf8'));
    expect(environment).toMatchObject({ host: to, parts: { system: { linux: '' } } });
    expect(readFileSync(path.join(results, kept, 'log'), 'utf8')).toBe('begun\n');
  });

  it('stops where the host cannot be reached, and says it of all that is left', async () => {
    await host.killSshd();
    const done = await run(file('a.sh', 'exit 0'), file('b.sh', 'exit 0'), ...there());
    expect(done.out).toMatch(/^host lost b: not started: .*ECONNREFUSED/m);
    expect(done.code).toBe(3);
    await host.startSshd();
  });

  it('takes way and declared tags from an inventory, and its tests by name', async () => {
    const lab = path.join(folder, 'lab');
    const { user, address, port, keyFile, hostKeys } = host.transport;
    mkdirSync(path.join(lab, 'hosts'), { recursive: true });
    mkdirSync(path.join(lab, 'tests'));
    writeFileSync(path.join(lab, 'grid.yaml'), 'name: lab\nadmin: A <a@example.org>\n');
    writeFileSync(path.join(lab, 'tags.yaml'), 'tags:\n  site: {kind: text, meaning: Where it stands.}\n');
    const ssh = { address, port, user, key_file: keyFile, host_keys: hostKeys };
    // JSON is YAML.
    const board = JSON.stringify({ hosts: { board: { ssh, tags: ['site = hall-1'] } } });
    writeFileSync(path.join(lab, 'hosts/board.yaml'), board);
    writeFileSync(
      path.join(lab, 'tests/stands.sh'),
      '#!/bin/sh\n# testyard: requires: site = hall-1\necho "on $TESTYARD_HOST"\n',
    );
    const done = await run('stands', '--inventory', lab, '--host', 'board');
    expect(done.out, done.err).toMatch(/^on board\npassed stands: exit 0/);
    const other = await run(
      file('hall2.sh', 'exit 0', '# testyard: requires: site = hall-2'),
      '--inventory',
      lab,
      '--host',
      'board',
    );
    expect(other.out).toMatch(/^not compatible hall2: site is hall-1, needs = hall-2/);
    expect(other.code).toBe(3);
    const unknown = await run('stands', '--inventory', lab, '--host', 'bord');
    expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining("did you mean 'board'?") });
  });
});
