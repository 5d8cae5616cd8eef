import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AptRepository, type LabPackage } from '../../lab/apt-repository.js';
import { type LightHost, lightHosts } from '../lab.js';
import { MailServer, type Received } from '../mail-server.js';
import { until } from './program.js';
import { Grid, startYard, type Yard } from './yard.js';

const MINUTES = 60_000;

/** Where the story of the other kinds of changes plays: images, tests of the project, and packages that somebody pushes. */
export interface KindsScene {
  readonly yard: Yard;
  /** The same grid as Dan meets it, who may push. */
  readonly dan: Grid;
  readonly letters: readonly Received[];
  /** Builds a package that no repository has; gives its file. */
  pack(one: LabPackage): Promise<string>;
  /** Writes a file of the inventory anew, applies it, and has the grid look at everything. */
  declare(file: string, text: string): Promise<void>;
  say(line: string): void;
}

/** The image of the lab, as it says itself what it is. */
export function imagesOf(word: string): string {
  return `images:
  base:
    meaning: Debian with nothing but ssh
    owner: ivy@example.org
    tags: [os]
    recipe: |
      cp -a ${TREE} "$TESTYARD_OUT"
      echo ${word} >"$TESTYARD_OUT/etc/lab-os"
`;
}

const TREE = `${process.env['TESTYARD_LAB'] ?? '/var/cache/testyard-lab'}/tree-1`;

/** A test of the lab's project; whose it is, and what it does. */
export function ownTest(script: string, requires = ''): string {
  const needs = requires === '' ? '' : `# testyard: requires: ${requires}\n`;
  return `#!/bin/sh\n${needs}# testyard: dirties: nothing\n# testyard: owner: tess@example.org\n${script}\n`;
}

/** Sets the scene. */
export async function openKinds(
  say: (line: string) => void,
): Promise<{ readonly scene: KindsScene; close(): Promise<void> }> {
  const [mirror, mail, hosts] = await Promise.all([AptRepository.start(), MailServer.start(), lightHosts(2)]);
  await mirror.publish('stable', [{ name: 'app', version: '1.0', maintainer: 'App <app@example.org>' }]);
  const yard = await startYard({
    hosts: hosts.map((host) => ({ host, lines: linesOf(host) })),
    ...inventoryOf(mirror),
    grid: `mail: {smtp: '${mail.url}', from: grid@example.org}\npeople: {dan: dan@example.org}\n`,
  });
  const close = async () => {
    await yard.stop();
    await Promise.all([...hosts.map((host) => host.stop()), mirror.stop(), mail.stop()]);
  };
  const inventory = path.join(yard.folder, 'inventory');
  const declare = async (file: string, text: string) => {
    await writeFile(path.join(inventory, file), text);
    const applied = await yard.grid.cli('inventory', 'apply', inventory);
    if (applied.code !== 0) throw new Error(applied.out + applied.err);
    await lookedAt(yard);
  };
  await declare('images.yaml', imagesOf('one'));
  await declare('steps/base.yaml', BASE);
  const made = await yard.grid.cli('token', 'create', 'dan', '--role', 'default=developer');
  const token = /\b(ty_\S+)/.exec(made.out)?.[1] ?? made.out.trim();
  const { url, certificate } = yard.grid;
  const pack = async (one: LabPackage) => {
    await mirror.publish('candidates', [one]);
    return mirror.fileOf(one);
  };
  const scene = { yard, dan: new Grid(url, token, certificate), letters: mail.letters, pack, declare, say };
  return { scene, close };
}

async function lookedAt(yard: Yard): Promise<void> {
  await yard.rows(`UPDATE watch SET asked_at = grid_now() RETURNING name`);
  await until('all watches have been read', 2 * MINUTES, async () => {
    const rows = await yard.rows<{ read: boolean; trouble: string | null }>(
      `SELECT coalesce(read_at >= asked_at, false) AS read, trouble FROM watch WHERE removed_at IS NULL`,
    );
    const trouble = rows.find((row) => row.trouble)?.trouble;
    if (trouble) throw new Error(trouble);
    return rows.every(({ read }) => read);
  });
}

function linesOf({ restore }: LightHost): readonly string[] {
  return [
    'expendable: [image, packages, build, boot, use]',
    `restore: ${JSON.stringify({ command: restore.command })}`,
  ];
}

const BASE = `steps:
  base:
    layer: image
    owner: images@example.org
    cost: 6s
    timeout: 5m
    gives: [os]
    restore: {image: base, watch: images}
    no_undo: the next image takes its place
`;

function inventoryOf(mirror: AptRepository) {
  const key = mirror.key
    .trimEnd()
    .split('\n')
    .map((line) => `        ${line}`)
    .join('\n');
  return {
    tags: `tags:
  os: {meaning: An image of the lab was put on., probe: test -e /etc/lab-os}
  app: {meaning: The app is there., probe: test -e /usr/share/app/version}
`,
    steps: `steps:
  app:
    layer: packages
    owner: apps@example.org
    cost: 3s
    timeout: 5m
    gives: [app]
    packages: {install: [app], from: [mirror], watch: debs}
`,
    resources: `resources:
  mirror:
    meaning: The package mirror of the story.
    owner: mirror@example.org
    repository:
      kind: apt
      url: ${mirror.url}
      suite: stable
      key: |
${key}
`,
    watches: `watches:
  debs:
    share: 1
    apt:
      url: ${mirror.url}
      suite: stable
      component: main
      key: |
${key}
  images: {images: all, share: 1}
  suite: {tests_of: default, share: 1}
`,
    tests: {
      'app-runs.sh': ownTest('[ "$(cat /usr/share/app/version)" != 2.0~bad ]', 'app'),
      'boots.sh': ownTest('[ "$(cat /etc/lab-os)" != broken ]', 'os'),
      'own.sh': ownTest('echo first'),
    },
  };
}
