import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a program of this machine prints. Rejects with what it complains of. */
export async function program(
  name: string,
  args: readonly string[],
  more: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const options = { maxBuffer: 64 << 20, ...more, env: { ...process.env, ...more.env } };
  const { stdout } = await run(name, [...args], options);
  return stdout;
}
