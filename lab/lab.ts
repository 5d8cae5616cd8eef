import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LightHost, lightHostProgram, lightHosts } from '../test/lab.js';
import { AptRepository } from './apt-repository.js';
import { GitServer } from './git-server.js';
import { labInventory } from './inventory.js';
import { LabMail } from './mail-server.js';
import { RpmRepository } from './rpm-repository.js';
import { program } from './run-program.js';

const PACKAGES = [
  { name: 'lab-tool', version: '1.0', depends: 'lab-lib (>= 1)' },
  { name: 'lab-tool', version: '2.0', depends: 'lab-lib (>= 2)' },
  { name: 'lab-lib', version: '1.5' },
  { name: 'lab-lib', version: '2.5' },
];
const RPMS = PACKAGES.map(({ depends, ...one }) => ({
  ...one,
  ...(depends === undefined ? {} : { depends: depends.replace(/[()]/g, '') }),
}));

/** All of a lab, on this machine. */
export class Lab {
  private constructor(
    private readonly folder: string,
    readonly hosts: readonly LightHost[],
    readonly apt: AptRepository,
    readonly rpm: RpmRepository,
    readonly git: GitServer,
    readonly mail: LabMail,
  ) {}

  /** Starts everything; what did start is ended where another part did not. */
  static async start(count: number): Promise<Lab> {
    const folder = await mkdtemp(path.join(tmpdir(), 'testyard-lab-'));
    const parts = await Promise.allSettled([
      lightHosts(count),
      AptRepository.start(),
      RpmRepository.start(),
      GitServer.start(),
      LabMail.start(),
    ]);
    const [hosts, apt, rpm, git, mail] = parts;
    if (
      hosts.status === 'fulfilled' &&
      apt.status === 'fulfilled' &&
      rpm.status === 'fulfilled' &&
      git.status === 'fulfilled' &&
      mail.status === 'fulfilled'
    ) {
      const lab = new Lab(folder, hosts.value, apt.value, rpm.value, git.value, mail.value);
      try {
        await lab.fill();
        return lab;
      } catch (error) {
        await lab.stop();
        throw error;
      }
    }
    const started = parts.flatMap((part): { stop(): Promise<void> }[] =>
      part.status === 'fulfilled' ? [part.value].flat() : [],
    );
    await Promise.all([...started.map((one) => one.stop()), rm(folder, { recursive: true, force: true })]);
    throw parts.find((part) => part.status === 'rejected')?.reason;
  }

  /** The folder for `testyard up --inventory`. */
  get inventory(): string {
    return path.join(this.folder, 'inventory');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.hosts, this.apt, this.rpm, this.git, this.mail].map((one) => one.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }

  private async fill(): Promise<void> {
    await Promise.all([this.apt.publish('stable', PACKAGES), this.rpm.publish(RPMS)]);
    const commit = await this.git.commit('greeter', { 'greeter.sh': '#!/bin/sh\necho hello\n' });
    const files = labInventory({
      ...{ hosts: this.hosts, apt: this.apt, rpm: this.rpm },
      git: { url: this.git.url('greeter'), commit },
      smtp: this.mail.smtpUrl,
      tree: (await program(lightHostProgram, ['tree'])).trim(),
      package: this.apt.fileOf({ name: 'lab-tool', version: '1.0' }),
    });
    for (const [name, text] of files) {
      await mkdir(path.dirname(path.join(this.inventory, name)), { recursive: true });
      await writeFile(path.join(this.inventory, name), text);
    }
  }
}
