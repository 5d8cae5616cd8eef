import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LAB_MAINTAINER, type LabPackage } from './apt-repository.js';
import { FileServer } from './file-server.js';
import { program } from './run-program.js';
import { SigningKey } from './signing-key.js';

/** A signed repository for dnf, with every version of its packages. */
export class RpmRepository {
  private constructor(
    private readonly folder: string,
    private readonly signing: SigningKey,
    readonly server: FileServer,
  ) {}

  static async start(): Promise<RpmRepository> {
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-rpm-'));
    const root = path.join(folder, 'root');
    await mkdir(root, { recursive: true });
    return new RpmRepository(folder, await SigningKey.make(folder), await FileServer.start(root));
  }

  get url(): string {
    return this.server.url;
  }

  /** By which hosts know it. */
  get key(): string {
    return this.signing.key;
  }

  /** Builds these packages and lists them beside those that are there. */
  async publish(packages: readonly LabPackage[]): Promise<void> {
    const root = path.join(this.folder, 'root');
    for (const one of packages) await this.build(one, root);
    await program('createrepo_c', ['--quiet', root]);
    await this.signing.detachSign(path.join(root, 'repodata/repomd.xml'));
  }

  /** The path of a package that `publish` has built. */
  fileOf({ name, version }: Pick<LabPackage, 'name' | 'version'>): string {
    return path.join(this.folder, 'root/noarch', `${name}-${version}-1.noarch.rpm`);
  }

  async stop(): Promise<void> {
    await this.server.down();
    await this.signing.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async build(
    { name, version, depends, conflicts, postinst, maintainer }: LabPackage,
    root: string,
  ): Promise<void> {
    const top = path.join(this.folder, 'build');
    const spec = path.join(this.folder, 'one.spec');
    const lines = [
      ...[
        `Name: ${name}`,
        `Version: ${version}`,
        'Release: 1',
        'Summary: a package of the lab',
        'License: none',
        `Packager: ${maintainer ?? LAB_MAINTAINER}`,
      ],
      ...['BuildArch: noarch', 'AutoReqProv: no'],
      ...(depends === undefined ? [] : [`Requires: ${depends}`]),
      ...(conflicts === undefined ? [] : [`Conflicts: ${conflicts}`]),
      ...['%description', 'A package of the lab.', '%install', `mkdir -p %{buildroot}/usr/share/${name}`],
      `echo ${version} >%{buildroot}/usr/share/${name}/version`,
      // Below a folder that is not a whole system there is no shell to run it.
      ...(postinst === undefined ? [] : ['%post -p <lua>', postinst]),
      ...['%files', `/usr/share/${name}`],
    ];
    await writeFile(spec, `${lines.join('\n')}\n`);
    const defines = [`_topdir ${top}`, '_build_id_links none', `_rpmdir ${root}`].flatMap((one) => [
      '--define',
      one,
    ]);
    await program('rpmbuild', ['-bb', '--quiet', ...defines, spec]);
    const file = this.fileOf({ name, version });
    const sign = [
      '--define',
      '__gpg /usr/bin/gpg',
      '--define',
      '_gpg_name Lab',
      '--define',
      `_gpg_path ${this.signing.home}`,
      '--addsign',
      file,
    ];
    await program('rpmsign', sign);
  }
}
