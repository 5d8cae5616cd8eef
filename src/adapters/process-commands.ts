import { spawn } from 'node:child_process';
import { type CommandEnd, type OwnCommand, OwnCommands } from '../ports/own-commands.js';

/** How long output is read on after the command itself has ended. */
const drainMs = 1_000;

/** Commands as processes of this machine, each in a process group of its own. */
export class ProcessCommands extends OwnCommands {
  override run({ command, environment, cwd, timeoutMs, stop, onOutput }: OwnCommand): Promise<CommandEnd> {
    const [program = '', ...args] = command;
    if (stop?.aborted) return Promise.resolve({ kind: 'stopped', words: 'was stopped' });
    return new Promise((resolve) => {
      const child = spawn(program, args, {
        // A process group of its own, so that a time-out ends what the command started as well.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...environment },
        ...(cwd === undefined ? {} : { cwd }),
      });
      let cut: 'timed_out' | 'stopped' | undefined;
      let drain: NodeJS.Timeout | undefined;
      const end = (why: 'timed_out' | 'stopped') => {
        cut ??= why;
        killGroup(child.pid);
      };
      const onStop = () => end('stopped');
      const timer = setTimeout(() => end('timed_out'), timeoutMs);
      const settle = (result: CommandEnd) => {
        clearTimeout(timer);
        clearTimeout(drain);
        stop?.removeEventListener('abort', onStop);
        resolve(result);
      };
      stop?.addEventListener('abort', onStop, { once: true });
      child.stdout.on('data', onOutput);
      child.stderr.on('data', onOutput);
      child.once('error', (error) =>
        settle({ kind: 'never_started', words: `could not be started: ${error.message}` }),
      );
      child.once('exit', () => {
        // A daemon that the command leaves behind may hold its pipes for ever: they get a moment to run empty.
        drain = setTimeout(() => {
          child.stdout.destroy();
          child.stderr.destroy();
        }, drainMs);
      });
      child.once('close', (code, signal) => {
        if (cut === 'timed_out') settle({ kind: cut, words: `was not done within ${timeoutMs} ms` });
        else if (cut === 'stopped') settle({ kind: cut, words: 'was stopped' });
        else if (code === null) settle({ kind: 'signalled', words: `was killed by ${signal}` });
        else settle({ kind: 'exited', code, words: `exited ${code}` });
      });
    });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group ended between the time-out and the signal.
  }
}
