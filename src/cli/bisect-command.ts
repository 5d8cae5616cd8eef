import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Brought } from './bisect-journal.js';
import type { BisectRepository } from './bisect-repository.js';
import { Failure } from './failure.js';

/** What runs a script that is its first argument. */
const INTERPRETER = /^(sh|bash|dash|ksh|zsh|fish|perl|python|ruby|node)[\d.]*$/;

/**
 * The command as it is run in the top folder of a commit's files. Files that the repository does not know are not
 * there: they are named by where they are. Those that it knows are named from the top folder on, each commit's own.
 */
export async function placed(
  repository: BisectRepository,
  script: readonly string[],
): Promise<readonly string[]> {
  const words: string[] = [];
  for (const [n, word] of script.entries()) words.push(await placedWord(repository, word, n === 0));
  return words;
}

async function placedWord(repository: BisectRepository, word: string, isProgram: boolean): Promise<string> {
  const file = path.resolve(word);
  if (path.isAbsolute(word) || (isProgram && !word.includes('/')) || !(await isThere(file))) return word;
  if (!(await repository.knows(file))) return file;
  if (file === path.resolve(repository.top, word)) return word;
  const fromTop = path.relative(repository.top, file);
  // A program without a slash would be looked for elsewhere.
  return isProgram ? `./${fromTop}` : fromTop;
}

/** The script that must go along because a commit lacks it; and a script that nobody could run is refused. */
export async function broughtFor(
  repository: BisectRepository,
  commits: readonly string[],
  words: readonly string[],
): Promise<Brought | undefined> {
  const [program = '', argument = ''] = words;
  if (!program.includes('/')) await mustBeOnPath(program);
  else if (path.isAbsolute(program)) await mustRun(program, program);
  const isByInterpreter = INTERPRETER.test(path.basename(program)) && /^[^-]/.test(argument);
  const word = isByInterpreter ? argument : program;
  if (path.isAbsolute(word) || (word === program && !word.includes('/'))) return undefined;
  const place = path.normalize(word);
  const lackedBy = await repository.lacking(commits, place);
  if (lackedBy === undefined) return undefined;
  const from = path.join(repository.top, place);
  if (!(await isFile(from))) {
    if (isByInterpreter) return undefined;
    throw new Failure(
      `${word} cannot be run: neither your work tree nor commit ${lackedBy.slice(0, 12)} has it`,
      undefined,
      'Name a script by where it is, such as ../check.sh',
    );
  }
  if (!isByInterpreter) await mustRun(from, word);
  return { place, from, base64: (await readFile(from)).toString('base64'), lackedBy };
}

async function mustBeOnPath(program: string): Promise<void> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder || '.', program);
    if ((await isFile(file)) && (await isExecutable(file))) return;
  }
  throw new Failure(
    `${program} cannot be run: there is no such program`,
    undefined,
    `If it is a script here: ./${program}`,
  );
}

async function mustRun(file: string, word: string): Promise<void> {
  if (!(await isFile(file))) throw new Failure(`${word} cannot be run: there is no such file`);
  if (!(await isExecutable(file)))
    throw new Failure(`${word} cannot be run: it is not executable`, undefined, `chmod +x ${file}`);
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

async function isFile(file: string): Promise<boolean> {
  return await stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
