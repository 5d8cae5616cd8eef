import { EXIT, Failure } from './failure.js';
import { askedToEnd, gridProcess } from './grid-process.js';
import type { Setting } from './setting.js';
import { stateFolder } from './settings.js';

/** What `executor` can be told. */
export interface ExecutorOptions {
  readonly api: string;
  readonly tokenFile: string;
  readonly name: string;
  readonly fingerprint?: string;
}

/** Works on hosts for a grid elsewhere until it is told to end. */
export async function executor({ screen, options }: Setting, given: ExecutorOptions): Promise<number> {
  const ended = askedToEnd((line) => screen.note(line));
  const { startExecutor } = await gridProcess();
  const running = await startExecutor({
    ...given,
    stateDir: stateFolder(options.stateDir),
    log: (line) => screen.note(line),
  }).catch((error: Error) => {
    throw new Failure(`the executor could not be started: ${error.message}`, EXIT.unanswered);
  });
  screen.note(`executor ${given.name} works for ${given.api}; Ctrl-C ends it`);
  await ended;
  await running.stop();
  return 0;
}
