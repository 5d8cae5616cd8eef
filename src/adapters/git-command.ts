import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** How a command of git ended. */
export type GitEnd =
  | { readonly kind: 'ok'; readonly out: Buffer }
  /** `words` are the last that it said. */
  | { readonly kind: 'failed'; readonly words: string }
  /** There is no program git. */
  | { readonly kind: 'no_program' }
  /** Stopped, for nobody waits any more. */
  | { readonly kind: 'slow' }
  /** It would have written or said more than is taken. */
  | { readonly kind: 'too_large' };

/** What a command may do. */
export interface GitLimits {
  /** The repository's own folder; undefined: none is needed. */
  readonly folder?: string;
  /** The folder with its files, where there is one: paths are told from it on. */
  readonly workTree?: string;
  /** The one way over which it may reach others; undefined: none. */
  readonly scheme?: string;
  /** Objects that a partial clone lacks are fetched from where it was cloned: of a person's own repository. */
  readonly fetchesMissing?: boolean;
  readonly signal: AbortSignal;
  readonly input?: string;
}

/** No file that git writes is larger; a pack that would be is cut off. */
export const LARGEST_PACK_BYTES = 1024 * 1024 * 1024;
const LARGEST_OUTPUT_BYTES = 96 * 1024 * 1024;

/** Whatever the user's own configuration says: nothing is run, asked or followed on a repository's word. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.askPass=',
  'http.followRedirects=false',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'transfer.bundleURI=false',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting]);

/** What of our environment git needs: how to reach others, and the configuration of the machine's owner. */
const PASSED = [
  ...['PATH', 'HOME', 'XDG_CONFIG_HOME', 'GIT_CONFIG_GLOBAL', 'GIT_SSH_COMMAND', 'SSH_AUTH_SOCK'],
  ...['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'],
];

/** Runs git to its end, or to its limit: in a process group of its own, so that its helpers end with it. */
export function git(args: readonly string[], limits: GitLimits): Promise<GitEnd> {
  const { folder, workTree, signal, input } = limits;
  if (signal.aborted) return Promise.resolve({ kind: 'slow' });
  const where = [
    ...(folder === undefined ? [] : [`--git-dir=${folder}`]),
    ...(workTree === undefined ? [] : [`--work-tree=${workTree}`]),
  ];
  const blocks = String(LARGEST_PACK_BYTES / 512);
  const limited = 'ulimit -f "$1"; shift; command -v git >/dev/null || exit 127; exec git "$@"';
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', limited, 'git', blocks, ...SETTINGS, ...where, ...args], {
      env: environment(limits),
      cwd: workTree ?? folder ?? '/',
      detached: true,
      stdio: 'pipe',
    });
    const chunks: Buffer[] = [];
    let [bytes, words, cut] = [0, '', undefined as 'slow' | 'too_large' | undefined];
    const stop = (why: 'slow' | 'too_large') => {
      cut ??= why;
      endGroup(child.pid);
    };
    const late = () => stop('slow');
    signal.addEventListener('abort', late, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LARGEST_OUTPUT_BYTES) stop('too_large');
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('latin1')).slice(-4000);
    });
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (code, killed) => {
      signal.removeEventListener('abort', late);
      if (cut !== undefined) resolve({ kind: cut });
      else if (code === 0) resolve({ kind: 'ok', out: Buffer.concat(chunks) });
      else if (code === 127) resolve({ kind: 'no_program' });
      else if (isTooLarge(killed, words)) resolve({ kind: 'too_large' });
      else resolve({ kind: 'failed', words: lastWords(words) });
    });
  });
}

function environment({ scheme, fetchesMissing = false }: GitLimits): NodeJS.ProcessEnv {
  const passed = PASSED.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  );
  return {
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes',
    ...Object.fromEntries(passed),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: scheme ?? (fetchesMissing ? 'file:git:http:https:ssh' : 'none'),
    GIT_LITERAL_PATHSPECS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    // Objects that are not there are missing: nothing is fetched behind our back.
    ...(fetchesMissing ? {} : { GIT_NO_LAZY_FETCH: '1' }),
  };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isTooLarge(killed: NodeJS.Signals | null, words: string): boolean {
  return (
    killed === 'SIGXFSZ' ||
    new RegExp(`File too large|died of signal ${constants.signals.SIGXFSZ}`).test(words)
  );
}

/** What git complains of, in one line. */
function lastWords(words: string): string {
  const lines = words.split(/[\r\n]+/).map((line) => line.trim());
  const complaints = lines.filter((line) => /^(fatal|error|remote|ssh):/i.test(line));
  const said = (complaints.length > 0 ? complaints : lines.filter(Boolean)).slice(-2);
  return said
    .map((line) => line.replace(/^(fatal|error): /i, ''))
    .join('; ')
    .slice(0, 300);
}
