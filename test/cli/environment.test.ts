import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { BuiltCli } from './built-cli.js';

interface Diff {
  readonly changes: readonly object[];
  readonly unknown: readonly string[];
}

describe.skipIf(canRunLightHosts())('the environments of two runs on one host', () => {
  let cli: BuiltCli;
  let folder: string;
  let host: LightHost;
  let runs = 0;

  beforeAll(async () => {
    cli = new BuiltCli();
    folder = mkdtempSync(path.join(tmpdir(), 'environment-'));
    [host] = (await lightHosts(1)) as [LightHost];
    writeFileSync(path.join(folder, 'test.sh'), '#!/bin/sh\nexit 0\n');
  }, 300_000);

  afterAll(async () => {
    await host?.stop();
    cli?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const onHost = async (command: string) => {
    const done = await host.exec(command);
    expect(done, command).toMatchObject({ code: 0 });
  };

  /** Runs the test there; the folder of its results. */
  const run = async () => {
    const { user, address, port, keyFile, hostKeys } = host.transport;
    const known = path.join(folder, 'known_hosts');
    writeFileSync(known, `${port === 22 ? address : `[${address}]:${port}`} ${hostKeys[0]}\n`);
    const results = path.join(folder, `results-${++runs}`);
    const where = ['--host', `${user}@${address}:${port}`, '--key', keyFile, '--known-hosts', known];
    const done = await cli.run(['run', path.join(folder, 'test.sh'), ...where, '--results', results], {
      HOME: folder,
    });
    expect(done.out, done.err).toMatch(/^passed/);
    return path.join(results, 'test');
  };

  const diff = async (before: string, after: string): Promise<Diff> => {
    const done = await cli.run(['diff', before, after, '--json']);
    expect(done).toMatchObject({ code: 0, err: '' });
    return JSON.parse(done.out);
  };

  it('differ in nothing where nothing was changed, and exactly in what was', {
    timeout: 300_000,
  }, async () => {
    let before = await run();
    const parts = JSON.parse(readFileSync(path.join(before, 'environment.json'), 'utf8')).parts;
    expect(Object.keys(parts.packages).length).toBeGreaterThan(50);
    expect(Object.keys(parts.sysctls).length).toBeGreaterThan(200);
    expect(parts.hardware).toMatchObject({ cpus: expect.stringMatching(/^\d+$/) });
    const same = await run();
    expect(await diff(before, same)).toMatchObject({ changes: [] });

    const changedBy = async (command: string) => {
      before = await run();
      await onHost(command);
      return (await diff(before, await run())).changes;
    };
    const was = parts.sysctls['net/ipv4/tcp_fin_timeout'];
    expect(await changedBy('echo 17 >/proc/sys/net/ipv4/tcp_fin_timeout')).toEqual([
      { part: 'sysctls', name: 'net/ipv4/tcp_fin_timeout', before: was, after: '17' },
    ]);

    expect(await changedBy(installs(folder))).toEqual([
      { part: 'packages', name: 'testyard-probe', after: '1.2-3' },
    ]);

    // One kernel serves all light hosts: what only another would say is bound over its files.
    const bound = (file: string, edit: string) =>
      `f=$(mktemp) && sed '${edit}' ${file} >$f && mount --bind $f ${file}`;
    expect(await changedBy(bound('/proc/cmdline', 's/$/ probe.on=off/'))).toEqual([
      { part: 'command-line', name: 'probe.on', after: 'off' },
    ]);
    // A kernel that loads no modules and a machine without firmware of its own: as others would show theirs.
    await onHost(`names=$(ls /sys/module); mount -t tmpfs none /sys/module && cd /sys/module && mkdir $names
      mount -t tmpfs none /sys/class && mkdir -p /sys/class/dmi/id && echo 1.0 >/sys/class/dmi/id/bios_version`);
    expect(await changedBy('mkdir /sys/module/nbd')).toEqual([{ part: 'modules', name: 'nbd', after: '' }]);
    expect(await changedBy('echo 1.1 >/sys/class/dmi/id/bios_version')).toEqual([
      { part: 'firmware', name: 'bios_version', before: '1.0', after: '1.1' },
    ]);
  });

  it('is said for people, and what is no run is refused', async () => {
    const [one, other] = [path.join(folder, 'one'), path.join(folder, 'other')];
    for (const [at, panic] of [
      [one, '0'],
      [other, '5'],
    ] as const) {
      mkdirSync(at);
      const parts = { sysctls: { 'kernel/panic': panic }, ...(at === one ? { packages: {} } : {}) };
      writeFileSync(path.join(at, 'environment.json'), JSON.stringify({ parts }));
    }
    const said = await cli.run(['diff', one, other]);
    expect(said.out).toMatch(/^sysctls +kernel\/panic +0 +-> +5$/m);
    expect(said.out).toMatch(/^not seen of both: packages$/m);
    expect(await cli.run(['diff', one, path.join(folder, 'nowhere')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('no environment.json is there'),
    });
    expect(await cli.run(['diff', 'r1', one])).toMatchObject({
      code: 2,
      err: expect.stringContaining('two runs of the grid, or two folders'),
    });
  });
});

/** Shell text that installs a package made here. */
function installs(folder: string): string {
  const root = path.join(folder, 'package');
  mkdirSync(path.join(root, 'DEBIAN'), { recursive: true });
  const control = ['Package: testyard-probe', 'Version: 1.2-3', 'Architecture: all', 'Maintainer: a <a@b>'];
  writeFileSync(path.join(root, 'DEBIAN', 'control'), [...control, 'Description: nothing', ''].join('\n'));
  const file = path.join(folder, 'package.deb');
  execFileSync('dpkg-deb', ['-Zgzip', '--root-owner-group', '-b', root, file], { stdio: 'ignore' });
  return `echo ${readFileSync(file).toString('base64')} | base64 -d >/tmp/p.deb && dpkg -i /tmp/p.deb`;
}
