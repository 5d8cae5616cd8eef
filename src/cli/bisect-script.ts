import { spawn } from 'node:child_process';
import type { Outcome } from '../domain/culprit/question.js';
import { Failure } from './failure.js';

/** How the script is to be run. */
export interface ScriptLimits {
  readonly timeoutS?: number;
  readonly stop: AbortSignal;
  /** What it prints is shown, on standard error. */
  readonly isShown: boolean;
}

/**
 * Runs the script and reads its exit as `git bisect run` does: 0 is good, 125 cannot be tested, anything else below
 * 128 is bad. What git stops at, 128 and more or a signal, says nothing here, and is tried again.
 */
export function runScript(
  script: readonly string[],
  folder: string,
  commit: string,
  { timeoutS, stop, isShown }: ScriptLimits,
): Promise<Outcome> {
  const [program = '', ...args] = script;
  return new Promise((resolve, reject) => {
    const output = isShown ? 2 : 'ignore';
    const child = spawn(program, args, {
      cwd: folder,
      env: outsideOfGit(),
      // A group of its own: what it leaves running ends with it.
      detached: true,
      stdio: ['ignore', output, output],
    });
    let tooLong = false;
    const end = () => endGroup(child.pid);
    const timer =
      timeoutS === undefined
        ? undefined
        : setTimeout(() => {
            tooLong = true;
            end();
          }, timeoutS * 1000);
    stop.addEventListener('abort', end, { once: true });
    if (stop.aborted) end();
    const over = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
    };
    child.on('error', (error) => {
      over();
      reject(unrunnable(program, commit, error));
    });
    child.on('close', (code) => {
      over();
      end();
      resolve(stop.aborted ? 'withdrawn' : tooLong ? 'bad' : outcomeOf(code));
    });
  });
}

function unrunnable(program: string, commit: string, error: NodeJS.ErrnoException): Failure {
  const whys: Readonly<Record<string, string>> = {
    ENOENT: 'it, or what its first line says to run it with, is not there',
    EACCES: 'it is not executable there',
  };
  return new Failure(
    `${program} cannot be run in commit ${commit.slice(0, 12)}: ${whys[error.code ?? ''] ?? error.message}`,
    undefined,
    'Begin anew with a script outside of the repository; where a commit cannot be tested, let it exit 125.',
  );
}

function outcomeOf(code: number | null): Outcome {
  if (code === 0) return 'good';
  if (code === 125) return 'refused';
  return code === null || code >= 128 ? 'error' : 'bad';
}

/** Git's own variables would lead the script's git to the user's work tree. */
function outsideOfGit(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX)$/.test(name)),
  );
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // Nothing of it is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
