import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BuiltCli, Ended } from './built-cli.js';

/** A repository of a line of commits, each with its number in the file `number`, and a folder for what is beside it. */
export class ALine {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'bisect-'));
  readonly repo = path.join(this.folder, 'repo');
  /** Where trials have their work trees. */
  readonly temporary = path.join(this.folder, 'tmp');
  readonly commits: string[] = [];

  constructor(private readonly cli: BuiltCli) {
    mkdirSync(this.repo);
    mkdirSync(this.temporary);
    this.git('init', '--quiet', '--initial-branch=main');
  }

  git(...args: readonly string[]): string {
    const who = [
      '-c',
      'user.name=Ada',
      '-c',
      'user.email=ada@example.org',
      '-c',
      'protocol.file.allow=always',
    ];
    return execFileSync('git', ['-C', this.repo, ...who, ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' },
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  }

  /** So many more commits; `change` alters what it likes before each. */
  grow(count: number, change: (n: number) => void = () => undefined): this {
    for (let more = 0; more < count; more++) {
      const n = this.commits.length;
      writeFileSync(path.join(this.repo, 'number'), `${n}\n`);
      change(n);
      this.git('add', '.');
      this.git('commit', '--quiet', '-m', `change ${n}`);
      this.commits.push(this.git('rev-parse', 'HEAD'));
    }
    return this;
  }

  /** A script, by its place from the repository on. */
  script(place: string, body: string): string {
    const file = path.join(this.repo, place);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** The options that name these two commits. */
  between(good: number, bad: number): readonly string[] {
    return ['--good', this.commits[good] ?? '', '--bad', this.commits.at(bad) ?? ''];
  }

  /** The command as a person gives it who stands in a folder of the repository. */
  bisect(args: readonly string[], from = '.', environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const cwd = path.resolve(this.repo, from);
    return this.cli.run(['bisect', ...args], { TMPDIR: this.temporary, ...environment }, [], cwd);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
