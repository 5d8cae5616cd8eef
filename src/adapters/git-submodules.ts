import type { SourceTrouble } from '../ports/source.js';
import { git } from './git-command.js';
import { linksOf } from './git-tree.js';

/** Another repository inside of one: a commit of it, at a path. */
export interface Submodule {
  readonly url: string;
  readonly at: string;
  readonly ref: string;
}

/** The submodules that a commit names, with the addresses that its `.gitmodules` says. */
export async function submodulesOf(
  folder: string,
  { url, commit }: { readonly url: string; readonly commit: string },
  signal: AbortSignal,
): Promise<readonly Submodule[] | SourceTrouble> {
  const links = await linksOf(folder, commit, signal);
  if (links.length === 0) return [];
  const told = await git(['config', '--blob', `${commit}:.gitmodules`, '--list', '-z'], { folder, signal });
  const said = told.kind === 'ok' ? addressesIn(told.out.toString('utf8')) : new Map<string, string>();
  const found: Submodule[] = [];
  for (const { path, oid } of links) {
    const address = said.get(path);
    const full = address === undefined ? undefined : resolved(address, url);
    if (full === undefined) {
      const why =
        address === undefined
          ? '.gitmodules says no address of it'
          : `'${address}' is no address to fetch from`;
      return { trouble: 'path', message: `${url}: the submodule ${path} cannot be fetched: ${why}` };
    }
    found.push({ url: full, at: path, ref: oid });
  }
  return found;
}

/** By their paths. */
function addressesIn(listed: string): ReadonlyMap<string, string> {
  const sections = new Map<string, { path?: string; url?: string }>();
  for (const line of listed.split('\0')) {
    const [, name = '', key = '', value = ''] = /^submodule\.(.+)\.(path|url)\n(.*)$/s.exec(line) ?? [];
    if (key === 'path' || key === 'url') sections.set(name, { ...sections.get(name), [key]: value });
  }
  return new Map(
    [...sections.values()].flatMap(({ path, url }): [string, string][] =>
      path === undefined || url === undefined ? [] : [[path, url]],
    ),
  );
}

/** `../other` is meant from the repository itself; a file of this machine is for none that comes from elsewhere. */
function resolved(address: string, url: string): string | undefined {
  try {
    const full = /^\.\.?\//.test(address)
      ? new URL(address, `${url.replace(/\/+$/, '')}/`)
      : new URL(address);
    const known = url.startsWith('file:')
      ? ['file:', 'https:', 'http:', 'ssh:', 'git:']
      : ['https:', 'http:', 'ssh:', 'git:'];
    return known.includes(full.protocol) ? full.href : undefined;
  } catch {
    return undefined;
  }
}
