/** Where a test was fetched from. */
export interface TestSource {
  readonly url: string;
  /** In full, so that it is the same for ever. */
  readonly commit: string;
  /** From the root of the repository. */
  readonly path: string;
}

/** How repositories can be reached. */
const SCHEMES = ['https', 'http', 'ssh', 'git', 'file'] as const;

const LONGEST_URL = 2000;

/** What is wrong with the address of a repository, or undefined. A secret in it would be shown with every run. */
export function wrongUrl(url: string): string | undefined {
  const scheme = /^([a-z]+):\/\//.exec(url)?.[1];
  if (scheme === undefined || !SCHEMES.some((one) => one === scheme))
    return `a repository is named by a URL with ${SCHEMES.join('://, ')}://`;
  if (url.length > LONGEST_URL || !URL.canParse(url) || !/^[\x21-\x5b\x5d-\x7e]+$/.test(url))
    return 'it is no URL: printable ASCII characters without spaces, at most 2000';
  const { username, password, search, hash, hostname } = new URL(url);
  if (password !== '' || (username !== '' && scheme !== 'ssh'))
    return 'leave the user and password out: they would be shown with every run; the machine that fetches has its own';
  if (search !== '' || hash !== '' || /[?#]/.test(url)) return "leave out what begins with '?' or '#'";
  if (scheme !== 'file' && hostname === '') return 'it names no host';
  if (scheme === 'file' && hostname !== '') return 'write file:///PATH, with three slashes';
  if (hostname.startsWith('-') || username.startsWith('-')) return "no name in it begins with '-'";
  const [, after = ''] = url.split('://');
  if (after.split('/').some((part) => /^(?:\.|%2e){1,2}$/i.test(part)) || /%2f|%00/i.test(after))
    return "it may not have '.' or '..' in its path";
  return undefined;
}

/** What is wrong with the name of a branch, tag or commit, or undefined. */
export function wrongRef(ref: string): string | undefined {
  // The rules of git check-ref-format, as far as they matter on a command line.
  const isRef =
    ref.length <= 250 &&
    /^[^-/.\p{C}\p{Z}~^:?*[\\][^\p{C}\p{Z}~^:?*[\\]*$/u.test(ref) &&
    !/\.\.|@\{|\/\/|\.lock$|[/.]$/.test(ref);
  return isRef ? undefined : 'it is no branch, tag or commit: write main, v1.2 or 40 hexadecimal digits';
}

/** A full commit, by its form. */
export function isCommit(ref: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);
}

/** What is wrong with a path in a repository, or undefined; '.' is all of it. */
export function wrongPath(path: string): string | undefined {
  if (path === '.') return undefined;
  if (path.startsWith('/')) return `a path begins at the root of the repository, without a '/'`;
  if (path.split('/').some((part) => part === '..' || part === '.'))
    return "it may not have '.' or '..' in it: name it from the root of the repository";
  const isPath = path.length <= 1000 && path !== '' && !/\p{C}|\/\//u.test(path);
  return isPath ? undefined : 'it is no path: tests/net, or tests/net/ping.sh';
}

/** Whether a grid's allow-list has this repository: the address itself, or that of a folder above it. */
export function isAllowed(url: string, sources: readonly string[]): boolean {
  return sources.some((source) => url === source || url.startsWith(source.replace(/\/*$/, '/')));
}
