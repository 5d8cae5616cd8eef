import { spawn } from 'node:child_process';
import { Images, type RestoreResult } from '../ports/images.js';

/** By this exit code a restore command says that it has seen a higher attempt number. */
const refusedCode = 211;

/** How long output is read on after the command itself has ended. */
const drainMs = 1_000;

/** How much of the end of the output goes into the message of a failure, in bytes. */
const tailBytes = 2_000;

/** Restores images by the command that the host's inventory names: an image server, a script, `lab/light-host`. */
export class CommandImages extends Images {
  override restore(request: Parameters<Images['restore']>[0]): Promise<RestoreResult> {
    const { host, image, attempt, timeoutMs, onOutput } = request;
    const [program, ...args] = request.restore.command;
    if (!program) {
      return Promise.resolve({ ok: false, kind: 'failed', message: `${host} names no restore command` });
    }
    return new Promise((resolve) => {
      const child = spawn(program, args, {
        // A process group of its own, so that a time-out ends what the command started as well.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          TESTYARD_HOST: host,
          TESTYARD_IMAGE: image,
          TESTYARD_ATTEMPT: attempt,
        },
      });
      let tail = Buffer.alloc(0);
      let timedOut = false;
      const onBytes = (bytes: Buffer) => {
        tail = Buffer.concat([tail, bytes]).subarray(-tailBytes);
        onOutput(bytes);
      };
      const said = () => {
        const text = tail.toString().trim();
        return text ? `: ${text}` : '';
      };
      const dropPipes = () => {
        child.stdout.destroy();
        child.stderr.destroy();
      };
      let drain: NodeJS.Timeout | undefined;
      const timer = setTimeout(() => {
        timedOut = true;
        killGroup(child.pid);
      }, timeoutMs);
      child.stdout.on('data', onBytes);
      child.stderr.on('data', onBytes);
      child.once('error', (error) => {
        clearTimeout(timer);
        resolve({ ok: false, kind: 'failed', message: `${program} could not be started: ${error.message}` });
      });
      child.once('exit', () => {
        // A daemon that the command leaves behind may hold its pipes for ever: they get a moment to run empty.
        drain = setTimeout(dropPipes, drainMs);
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        clearTimeout(drain);
        const how = signal ? `was killed by ${signal}` : `exited ${code}`;
        if (timedOut) {
          const message = `${program} did not restore ${host} within ${timeoutMs} ms${said()}`;
          resolve({ ok: false, kind: 'timeout', message });
        } else if (code === 0) {
          resolve({ ok: true });
        } else if (code === refusedCode) {
          resolve({ ok: false, kind: 'refused', message: `${program} refused attempt ${attempt}${said()}` });
        } else {
          resolve({ ok: false, kind: 'failed', message: `${program} ${how}${said()}` });
        }
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
