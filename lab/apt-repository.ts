import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FileServer } from './file-server.js';
import { program } from './run-program.js';
import { SigningKey } from './signing-key.js';

/** Who maintains the packages of the lab. */
export const LAB_MAINTAINER = 'Lab <lab@testyard.invalid>';

/** A package of the lab: one small file, and what packages say of each other. */
export interface LabPackage {
  readonly name: string;
  readonly version: string;
  /** Whose it is; the lab's unless said. */
  readonly maintainer?: string;
  readonly depends?: string;
  readonly conflicts?: string;
  /** Shell text that runs when it has been unpacked. */
  readonly postinst?: string;
}

/** A signed repository for apt with every version of its packages, in one suite or several. */
export class AptRepository {
  private constructor(
    private readonly folder: string,
    private readonly signing: SigningKey,
    readonly server: FileServer,
  ) {}

  static async start(): Promise<AptRepository> {
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-apt-'));
    const signing = await SigningKey.make(folder);
    const root = path.join(folder, 'root');
    await mkdir(path.join(root, 'pool'), { recursive: true });
    return new AptRepository(folder, signing, await FileServer.start(root));
  }

  get url(): string {
    return this.server.url;
  }

  /** By which hosts know it. */
  get key(): string {
    return this.signing.key;
  }

  /** The path of a package that `publish` has built. */
  fileOf({ name, version }: Pick<LabPackage, 'name' | 'version'>): string {
    return path.join(this.folder, 'root', 'pool', `${name}_${version.replace(':', '%3a')}_all.deb`);
  }

  /** Builds these packages and puts them into a suite, in place of whatever was in it. */
  async publish(suite: string, packages: readonly LabPackage[]): Promise<void> {
    for (const one of packages) await this.build(one);
    const root = path.join(this.folder, 'root');
    const dist = `dists/${suite}/main/binary-all`;
    await mkdir(path.join(root, dist), { recursive: true });
    const all = await program('apt-ftparchive', ['packages', 'pool'], { cwd: root });
    const wanted = new Set(packages.map(({ name, version }) => `${name} ${version}`));
    const entries = all
      .split('\n\n')
      .filter((entry) => wanted.has(`${field(entry, 'Package')} ${field(entry, 'Version')}`));
    await writeFile(path.join(root, dist, 'Packages'), `${entries.join('\n\n')}\n`);
    // A host asks for its own architecture, whatever is in there.
    const arch = (await program('dpkg', ['--print-architecture'])).trim();
    await mkdir(path.join(root, `dists/${suite}/main/binary-${arch}`), { recursive: true });
    await writeFile(
      path.join(root, `dists/${suite}/main/binary-${arch}`, 'Packages'),
      `${entries.join('\n\n')}\n`,
    );
    const at = path.join(root, 'dists', suite);
    await rm(path.join(at, 'Release'), { force: true });
    const said = [
      ...[
        'Origin=lab',
        `Suite=${suite}`,
        `Codename=${suite}`,
        `Architectures=${arch} all`,
        'Components=main',
      ],
    ].flatMap((one) => ['-o', `APT::FTPArchive::Release::${one}`]);
    const release = await program('apt-ftparchive', [...said, 'release', `dists/${suite}`], { cwd: root });
    await writeFile(path.join(at, 'Release'), release);
    await this.signing.clearSign(path.join(at, 'Release'), path.join(at, 'InRelease'));
  }

  /** Its archive is not what the list says any more. */
  async spoil(one: Pick<LabPackage, 'name' | 'version'>): Promise<void> {
    await writeFile(this.fileOf(one), 'no package at all');
  }

  async stop(): Promise<void> {
    await this.server.down();
    await this.signing.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async build(one: LabPackage): Promise<void> {
    const tree = path.join(this.folder, 'tree');
    await rm(tree, { recursive: true, force: true });
    await mkdir(path.join(tree, 'DEBIAN'), { recursive: true });
    await mkdir(path.join(tree, 'usr/share', one.name), { recursive: true });
    await writeFile(path.join(tree, 'usr/share', one.name, 'version'), `${one.version}\n`);
    const control = [
      ...[
        `Package: ${one.name}`,
        `Version: ${one.version}`,
        'Architecture: all',
        `Maintainer: ${one.maintainer ?? LAB_MAINTAINER}`,
      ],
      ...(one.depends === undefined ? [] : [`Depends: ${one.depends}`]),
      ...(one.conflicts === undefined ? [] : [`Conflicts: ${one.conflicts}`]),
      'Description: a package of the lab',
    ];
    await writeFile(path.join(tree, 'DEBIAN/control'), `${control.join('\n')}\n`);
    if (one.postinst !== undefined) {
      await writeFile(path.join(tree, 'DEBIAN/postinst'), `#!/bin/sh\nset -e\n${one.postinst}\n`);
      await chmod(path.join(tree, 'DEBIAN/postinst'), 0o755);
    }
    await program('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', tree, this.fileOf(one)]);
  }
}

function field(entry: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(entry)?.[1] ?? '';
}
