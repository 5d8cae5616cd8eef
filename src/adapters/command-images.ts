import { Images, type Prepared, type Preparing, type RestoreResult } from '../ports/images.js';
import type { OwnCommands } from '../ports/own-commands.js';
import type { ImageStore } from './image-store.js';
import { ProcessCommands } from './process-commands.js';

/** By this exit code a restore command says that it has seen a higher attempt number. */
const refusedCode = 211;

/** How much of the end of the output goes into the message of a failure, in bytes. */
const tailBytes = 2_000;

/** Restores images by the command that the host's inventory names: an image server, a script, `lab/light-host`. */
export class CommandImages extends Images {
  constructor(
    private readonly store?: ImageStore,
    private readonly commands: OwnCommands = new ProcessCommands(),
  ) {
    super();
  }

  override async prepare(request: Preparing): Promise<Prepared> {
    return await (this.store?.take(request) ?? super.prepare(request));
  }

  override async restore(request: Parameters<Images['restore']>[0]): Promise<RestoreResult> {
    const { host, image, path, attempt, timeoutMs, onOutput } = request;
    const { command } = request.restore;
    const [program] = command;
    if (!program) return { ok: false, kind: 'failed', message: `${host} names no restore command` };
    let tail = Buffer.alloc(0);
    const end = await this.commands.run({
      command,
      environment: {
        TESTYARD_HOST: host,
        TESTYARD_IMAGE: image,
        TESTYARD_ATTEMPT: attempt,
        ...(path === undefined ? {} : { TESTYARD_IMAGE_PATH: path }),
      },
      timeoutMs,
      onOutput: (bytes) => {
        tail = Buffer.concat([tail, bytes]).subarray(-tailBytes);
        onOutput(bytes);
      },
    });
    const text = tail.toString().trim();
    const said = text ? `: ${text}` : '';
    if (end.kind === 'timed_out') {
      const message = `${program} did not restore ${host} within ${timeoutMs} ms${said}`;
      return { ok: false, kind: 'timeout', message };
    }
    if (end.kind === 'exited' && end.code === 0) return { ok: true };
    if (end.kind === 'exited' && end.code === refusedCode)
      return { ok: false, kind: 'refused', message: `${program} refused attempt ${attempt}${said}` };
    return { ok: false, kind: 'failed', message: `${program} ${end.words}${said}` };
  }
}
