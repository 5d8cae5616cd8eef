import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { filesBeside, LARGEST_HANDLER_BYTES, wrongProgram } from '../domain/handler.js';
import type { TestSpec } from '../domain/test.js';
import { Failure } from './failure.js';

/** Where a test was found; what lies beside it is asked for where it is not a file here. */
export interface FoundTest {
  readonly name: string;
  readonly beside?: (file: string) => Promise<Uint8Array | undefined>;
}

/** The handlers that lie beside a test and that it names, in base64 by their files; undefined: it names none. */
export async function programsBeside(
  { handlers }: TestSpec,
  { name, beside = (file) => fileBeside(name, file) }: FoundTest,
): Promise<Record<string, string> | undefined> {
  const files = filesBeside(handlers);
  if (files.length === 0) return undefined;
  const programs: Record<string, string> = {};
  for (const file of files) {
    const bytes = await beside(file);
    const wrong = bytes === undefined ? 'there is no such file beside the test' : wrongProgram(bytes);
    if (bytes === undefined || wrong !== undefined)
      throw new Failure(`${name}: './${file}' in 'handlers': ${wrong}`);
    programs[file] = Buffer.from(bytes).toString('base64');
  }
  return programs;
}

/** A file in the folder of a test; a link that leads out of it is none, for whoever wrote the test may want our keys. */
async function fileBeside(test: string, file: string): Promise<Uint8Array | undefined> {
  const folder = await realpath(path.dirname(test));
  const real = await realpath(path.join(folder, file)).catch(() => undefined);
  if (real === undefined || path.dirname(real) !== folder) return undefined;
  const handle = await open(real);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LARGEST_HANDLER_BYTES + 1), 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
