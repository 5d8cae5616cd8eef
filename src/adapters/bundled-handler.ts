import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A program of somebody else's, put into a folder of its own, and how it is started apart from us. */
export interface ApartProgram {
  readonly command: readonly string[];
  readonly folder: string;
  /** Deletes the folder. */
  remove(): void;
}

/** Nobody's on this machine; each handler has one of its own, so that none can end another. */
const FIRST_UID = 620_000;
const UIDS = 1000;
let started = 0;

/**
 * Puts a handler that came with a test where it can be started: as a user that owns nothing, with processes of its own
 * that end with it. Without root bubblewrap does what it can: the folders of secrets are out of its sight.
 */
export function apart(name: string, program: Buffer, masked: readonly string[]): ApartProgram {
  const folder = mkdtempSync(path.join(tmpdir(), 'testyard-handler-'));
  const file = path.join(folder, name);
  writeFileSync(file, program, { mode: 0o755 });
  chmodSync(file, 0o755);
  chmodSync(folder, 0o755);
  return {
    command: process.getuid?.() === 0 ? asNobody(file) : inBubble(file, folder, masked),
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function asNobody(file: string): readonly string[] {
  const uid = FIRST_UID + (started++ % UIDS);
  return [
    ...['unshare', '--mount', '--pid', '--ipc', '--fork', '--kill-child', '--mount-proc', '--'],
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', '--', file],
  ];
}

function inBubble(file: string, folder: string, masked: readonly string[]): readonly string[] {
  const home = process.env['HOME'];
  const hidden = [...(home === undefined || home === '/' ? [] : [home]), ...masked, '/tmp'];
  return [
    ...['bwrap', '--die-with-parent', '--unshare-pid', '--unshare-ipc', '--ro-bind', '/', '/'],
    ...['--dev', '/dev', '--proc', '/proc', ...hidden.flatMap((one) => ['--tmpfs', one])],
    ...['--ro-bind', folder, folder, '--chdir', folder, '--', file],
  ];
}
