import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Happening, replayed } from '../domain/culprit/journal.js';
import type { Question } from '../domain/culprit/question.js';
import type { Search } from '../domain/culprit/search.js';
import { Failure } from './failure.js';

/** A script that some commits lack: it is put into every work tree as it was when the bisection began. */
export interface Brought {
  /** From the top folder of the repository on. */
  readonly place: string;
  /** Where it was taken from. */
  readonly from: string;
  readonly base64: string;
  /** One of the commits that lack it. */
  readonly lackedBy: string;
}

/** What a bisection is about. */
export interface Bisection {
  readonly version: 1;
  /** The last good commit, and those after it. */
  readonly commits: readonly string[];
  /** The command that tells good from bad. */
  readonly script: readonly string[];
  /** The script of the command, where some commits lack it. */
  readonly brought?: Brought;
  readonly keepsFiles: boolean;
  /** Seconds after which a script that goes on is ended and counts as bad. */
  readonly timeoutS?: number;
  readonly question: Question;
}

/** A bisection as it was written down. */
export interface Kept {
  readonly bisection: Bisection;
  readonly happenings: readonly Happening[];
  readonly search: Search;
}

/**
 * The file in the repository's own folder in which a bisection is written down line by line, before anybody is told.
 * It can be killed at any moment: what is there makes the same search again.
 */
export class BisectJournal {
  readonly file: string;
  private readonly lock: string;

  constructor(shared: string) {
    this.lock = path.join(shared, 'testyard-bisect.lock');
    this.file = path.join(shared, 'testyard-bisect.jsonl');
  }

  /** Undefined where no bisection was begun; a journal with nothing in it is none. */
  async read(): Promise<Kept | undefined> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    // What was cut off in the middle of a line has not happened.
    const [first, ...rest] = text.split('\n').slice(0, -1);
    if (first === undefined) return undefined;
    try {
      const bisection = JSON.parse(first) as Bisection;
      if (bisection.version !== 1) throw new Error('it is of another version of testyard');
      const happenings = rest.map((line) => JSON.parse(line) as Happening);
      return { bisection, happenings, search: replayed(bisection.question, happenings) };
    } catch (error) {
      throw new Failure(
        `${this.file} cannot be read: ${(error as Error).message}`,
        undefined,
        'Begin anew: testyard bisect reset',
      );
    }
  }

  /** One process at a time works on it; undone by `release`, and by nothing where the process was killed. */
  hold(): void {
    for (let tries = 0; tries < 2; tries++)
      try {
        writeFileSync(this.lock, `${process.pid}\n`, { flag: 'wx' });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const holder = Number(readFileSync(this.lock, 'utf8'));
        if (isAlive(holder))
          throw new Failure(
            `process ${holder} is bisecting this repository`,
            undefined,
            `If it is none of testyard's, remove ${this.lock}`,
          );
        rmSync(this.lock, { force: true });
      }
  }

  release(): void {
    rmSync(this.lock, { force: true });
  }

  /** All of it anew. A journal is there whole or not at all: it is written beside, and put in place at once. */
  write(bisection: Bisection, happenings: readonly Happening[]): void {
    const beside = `${this.file}.new`;
    append(beside, [bisection, ...happenings], 'w');
    renameSync(beside, this.file);
  }

  /** When something was last written to it. */
  writtenAt(): Date {
    return statSync(this.file).mtime;
  }

  add(happening: Happening): void {
    append(this.file, [happening], 'a');
  }

  /** Whether there was one to take away. */
  async remove(): Promise<boolean> {
    const was = (await this.read().catch(() => 'unreadable')) !== undefined;
    await rm(this.file, { force: true });
    return was;
  }
}

function append(name: string, values: readonly unknown[], flag: 'w' | 'a'): void {
  const file = openSync(name, flag);
  try {
    writeFileSync(file, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
