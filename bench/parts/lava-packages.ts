import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { Defect } from './lava-defects.js';

const exec = promisify(execFile);
const SOURCES = fileURLToPath(new URL('../../test/fixtures/lava/packages/', import.meta.url));

/** How a package is other than it should be. */
export interface Plant {
  /** Of all its tools, or of one. */
  readonly defect?: Defect;
  /** Programs that print nothing and end well, reading what they are given or not. */
  readonly hollow?: 'silent' | 'reading';
  /** Another line of its control file. */
  readonly control?: string;
  /** Its script that ends the installation. */
  readonly postinst?: string;
}

/** A package as a repository offers it. */
export interface Package {
  readonly name: string;
  readonly file: string;
  readonly bytes: Buffer;
  /** Its part of the index, but for where it lies. */
  readonly stanza: string;
}

/** Builds the packages of the fixtures, healthy or with something planted; each once. */
export class Workshop {
  private readonly made = new Map<string, Promise<Package>>();

  private constructor(
    private readonly folder: string,
    private readonly known: Readonly<Record<string, { tools: readonly string[]; is: string }>>,
  ) {}

  /** A workshop in a folder of its own. */
  static async open(): Promise<Workshop> {
    const known = parse(await readFile(path.join(SOURCES, 'packages.yaml'), 'utf8'));
    return new Workshop(await mkdtemp(path.join(tmpdir(), 'testyard-packages-')), known);
  }

  /** The packages of the fixtures, by name. */
  get names(): readonly string[] {
    return Object.keys(this.known);
  }

  /** The commands that a package brings. */
  toolsOf(name: string): readonly string[] {
    return this.known[name]?.tools ?? [];
  }

  package(name: string, plant: Plant = {}): Promise<Package> {
    const key = `${name} ${plant.defect?.name} ${plant.hollow} ${plant.control} ${plant.postinst}`;
    const made = this.made.get(key) ?? this.make(name, plant);
    this.made.set(key, made);
    return made;
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async make(name: string, plant: Plant): Promise<Package> {
    const tree = await mkdtemp(path.join(this.folder, `${name}-`));
    await cp(path.join(SOURCES, name), tree, { recursive: true });
    await chmod(tree, 0o755);
    const isHealthy = plant.defect === undefined && plant.hollow === undefined;
    if (!isHealthy) await this.spoil(tree, name, plant);
    await mkdir(path.join(tree, 'DEBIAN'));
    const control = [
      `Package: ${name}`,
      `Version: ${isHealthy ? '1.0' : '1.1'}`,
      'Architecture: all',
      'Maintainer: Harbour <packages@harbour.example>',
      ...(plant.control === undefined ? [] : [plant.control]),
      `Description: ${this.known[name]?.is ?? name}`,
    ];
    await writeFile(path.join(tree, 'DEBIAN/control'), `${control.join('\n')}\n`);
    if (plant.postinst !== undefined)
      await writeFile(path.join(tree, 'DEBIAN/postinst'), `#!/bin/sh\n${plant.postinst}\n`, { mode: 0o755 });
    const deb = `${tree}.deb`;
    await exec('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, deb]);
    const bytes = await readFile(deb);
    await rm(tree, { recursive: true });
    const sum = createHash('sha256').update(bytes).digest('hex');
    const stanza = [...control, `Size: ${bytes.length}`, `SHA256: ${sum}`].join('\n');
    return { name, file: path.basename(deb), bytes, stanza };
  }

  private async spoil(tree: string, name: string, { defect, hollow }: Plant): Promise<void> {
    const behind = path.join(tree, 'usr/libexec', name);
    await mkdir(behind, { recursive: true });
    for (const folder of ['usr/bin', 'usr/sbin']) {
      const files = await readdir(path.join(tree, folder)).catch(() => []);
      for (const tool of files) {
        const at = path.join(tree, folder, tool);
        if (!(await stat(at)).isFile()) continue;
        const real = `/usr/libexec/${name}/${tool}`;
        await rename(at, path.join(tree, real));
        const script =
          defect?.script(tool, real) ??
          (hollow === 'reading'
            ? 'for path; do [ -f "$path" ] && cat "$path" >/dev/null; done\nexit 0'
            : 'exit 0');
        await writeFile(at, `#!/bin/bash\n${script}\n`, { mode: 0o755 });
      }
    }
  }
}
