import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AptRepository } from '../../../lab/apt-repository.js';
import { program } from '../../../lab/run-program.js';
import type { ImageSpec } from '../../../src/domain/image.js';
import type { RestoreAction } from '../../../src/domain/step-action.js';
import { canRunLightHosts, type LightHost, lightHostProgram, lightHosts } from '../../lab.js';
import { aStep, StepBench } from './step-bench.js';

// Three times what it takes on a machine that has much else to do.
vi.setConfig({ testTimeout: 400_000 });

describe.skipIf(canRunLightHosts())('images of the catalogue', () => {
  let hosts: LightHost[] = [];
  let bench: StepBench;
  let repository: AptRepository;
  let base: ImageSpec;
  const log = () => path.join(bench.folder, 'made');

  beforeAll(async () => {
    [repository, bench, hosts] = await Promise.all([AptRepository.start(), StepBench.start(), lightHosts(2)]);
    await repository.publish('stable', [{ name: 'lab-tool', version: '1.0' }]);
    const tree = (await program(lightHostProgram, ['tree'])).trim();
    base = image('plain', `echo plain >>${log()}; cp -a ${tree} "$TESTYARD_OUT"`);
  }, 360_000);

  afterAll(async () => {
    await Promise.all([bench?.stop(), repository?.stop(), ...hosts.map((host) => host.stop())]);
  });

  const image = (name: string, recipe: string, base?: ImageSpec): ImageSpec => ({
    ...{ name, meaning: 'for a test', tags: [] },
    source: { kind: 'recipe', recipe, timeoutMs: 120_000, ...(base === undefined ? {} : { base }) },
  });
  const restore = (spec: ImageSpec) =>
    aStep(
      `restore-${spec.name}`,
      { kind: 'restore', image: spec.name, spec },
      { layer: 'image', undo: { none: '' } },
    );
  const made = async () => (await readFile(log(), 'utf8').catch(() => '')).split('\n').filter(Boolean);

  it('are made once by their recipes, one on another, with packages put in before any host has them', async () => {
    const deb = repository.fileOf({ name: 'lab-tool', version: '1.0' });
    const recipe = `echo tool >>${log()}
cp -a "$TESTYARD_BASE" "$TESTYARD_OUT"
cp ${deb} "$TESTYARD_OUT/tool.deb"
chroot "$TESTYARD_OUT" dpkg -i /tool.deb
rm "$TESTYARD_OUT/tool.deb"`;
    const tool = image('with-tool', recipe, base);
    const ran = await Promise.all(hosts.map((host) => bench.run(host, [restore(tool)])));
    expect(
      ran.map(({ outcome, text }) =>
        outcome.kind === 'ended' ? 'well' : `${JSON.stringify(outcome)} ${text}`,
      ),
    ).toEqual(['well', 'well']);
    for (const host of hosts) {
      expect(
        (await host.exec('cat /usr/share/lab-tool/version; dpkg -l lab-tool | grep -c ^ii')).stdout,
      ).toBe('1.0\n1\n');
    }
    expect(await made()).toEqual(['plain', 'tool']);
    // Pristine again is the plain one, which is there already.
    const [first] = hosts as [LightHost];
    await first.exec('touch /left');
    expect((await bench.run(first, [restore(base)])).outcome.kind).toBe('ended');
    expect((await first.exec('ls -d /left /usr/share/lab-tool 2>/dev/null')).stdout).toBe('');
    expect(await made()).toEqual(['plain', 'tool']);
  });

  it('that cannot be made touch no host, and leave nothing behind', async () => {
    const [first] = hosts as [LightHost];
    await first.exec('touch /left');
    for (const [recipe, why] of [
      ['mkdir "$TESTYARD_OUT"; echo no room; exit 4', 'exited 4: no room'],
      ['true', 'left nothing at $TESTYARD_OUT'],
    ] as const) {
      const { outcome } = await bench.run(first, [restore(image('bad', recipe))]);
      expect(outcome).toMatchObject({ kind: 'chain_failed', message: expect.stringContaining(why) });
    }
    expect((await first.exec('ls -d /left')).stdout).toBe('/left\n');
    expect(await program('ls', [path.join(bench.folder, 'images')])).not.toContain('.part');
  });

  it('that are files are what the catalogue says, or are not put on a host', async () => {
    const [first] = hosts as [LightHost];
    const file = path.join(bench.folder, 'disk.img');
    const mark = path.join(bench.folder, 'restored');
    await writeFile(file, 'a disk');
    const spec: ImageSpec = {
      ...{ name: 'disk', meaning: 'a disk', tags: [] },
      source: { kind: 'file', path: file, digest: createHash('sha256').update('a disk').digest('hex') },
    };
    const shown = 'printf "%s %s" "$TESTYARD_IMAGE" "$(cat "$TESTYARD_IMAGE_PATH")" >"$0"';
    const host = { ...first, restore: { kind: 'command' as const, command: ['/bin/sh', '-c', shown, mark] } };
    expect((await bench.run(host, [restore(spec)])).outcome.kind).toBe('ended');
    expect(await readFile(mark, 'utf8')).toBe('disk a disk');
    await writeFile(file, 'a disc');
    await writeFile(mark, '');
    const { outcome } = await bench.run(host, [restore(spec)]);
    expect(outcome).toMatchObject({
      message: expect.stringContaining("image 'disk' is not what the catalogue says"),
    });
    expect(await readFile(mark, 'utf8')).toBe('');
  });

  it('that are watched are kept, and put back when their file is another one by now', async () => {
    const [first] = hosts as [LightHost];
    const file = path.join(bench.folder, 'watched.img');
    const mark = path.join(bench.folder, 'seen');
    const shown = 'cat "$TESTYARD_IMAGE_PATH" >"$0"';
    const host = { ...first, restore: { kind: 'command' as const, command: ['/bin/sh', '-c', shown, mark] } };
    const watched = (bytes: string) => {
      const digest = createHash('sha256').update(bytes).digest('hex');
      const spec: ImageSpec = {
        ...{ name: 'watched', meaning: 'a disk', tags: [] },
        source: { kind: 'file', path: file, digest },
      };
      return aStep(
        'put back',
        { kind: 'restore', image: 'watched', spec, component: 'images/watched', version: digest },
        { layer: 'image', undo: { none: '' } },
      );
    };
    for (const bytes of ['one', 'two']) {
      await writeFile(file, bytes);
      expect((await bench.run(host, [watched(bytes)])).outcome.kind).toBe('ended');
      expect(await readFile(mark, 'utf8')).toBe(bytes);
    }
    expect((await bench.run(host, [watched('one')])).outcome.kind).toBe('ended');
    expect(await readFile(mark, 'utf8')).toBe('one');
    const { outcome } = await bench.run(host, [watched('three')]);
    expect(outcome).toMatchObject({ message: expect.stringContaining('is not what the catalogue says') });
    const lost = { ...watched('two').action, spec: undefined } as RestoreAction;
    const unknown = aStep('unknown', lost, { layer: 'image', undo: { none: '' } });
    expect((await bench.run(host, [unknown])).outcome).toMatchObject({
      message: expect.stringContaining("nobody knows image 'watched' as it was at version"),
    });
  });
});
