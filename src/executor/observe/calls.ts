import { LISTING_TOOLS, listedBy } from './listers.js';

/** What a test asked one of the tools of set-up for, as its arguments say. */
export type Call =
  | { readonly of: 'install'; readonly manager: string; readonly names: readonly string[] }
  | { readonly of: 'remove'; readonly names: readonly string[] }
  | { readonly of: 'load'; readonly modules: readonly string[] }
  | { readonly of: 'unload'; readonly modules: readonly string[] }
  | { readonly of: 'fetch'; readonly from: string }
  /** The lists of packages were to be fetched again. */
  | { readonly of: 'refresh'; readonly manager: string }
  /** What is plugged in of one kind was asked for: the entries of this folder. */
  | { readonly of: 'list'; readonly path: string };

/** Tools that are watched because what they do is set-up, wherever it stands, or because they only tell of what there is. */
export const WATCHED_TOOLS: readonly string[] = [
  ...['apt-get', 'apt', 'aptitude', 'yum', 'dnf', 'microdnf', 'zypper', 'apk', 'opkg', 'pip', 'pip3'],
  ...['modprobe', 'insmod', 'rmmod', 'wget', 'curl', 'git'],
  ...LISTING_TOOLS,
];

const INSTALLERS = new Set([
  'apt-get',
  'apt',
  'aptitude',
  'yum',
  'dnf',
  'microdnf',
  'zypper',
  'apk',
  'opkg',
  'pip',
  'pip3',
]);
/** Options whose next word is their value. */
const TAKES_VALUE = new Set([
  '-o',
  '-c',
  '-t',
  '-e',
  '-d',
  '-C',
  '-S',
  '-b',
  '--config',
  '--option',
  '--target-release',
  '--index-url',
  '-i',
  '-r',
]);
const INSTALLS = new Set(['install', 'in', 'add', 'reinstall']);
const REFRESHES = new Set(['update', 'makecache', 'refresh', 'ref']);
const REMOVES = new Set(['remove', 'purge', 'autoremove', 'del', 'uninstall', 'rm', 'erase']);

/** Reads the arguments of a call; undefined: it is nothing of interest. */
export function readCall(tool: string, args: readonly string[]): Call | undefined {
  if (INSTALLERS.has(tool)) return readInstall(tool, plainOf(args));
  const path = listedBy(tool);
  // Who asks for its help or version asks for nothing else.
  if (path !== undefined)
    return args.some((arg) => /^(?:-h|-V|--help|--version|help|version)$/.test(arg))
      ? undefined
      : { of: 'list', path };
  switch (tool) {
    case 'modprobe':
      return readModprobe(args);
    case 'insmod':
      return modulesOf('load', plainOf(args).slice(0, 1));
    case 'rmmod':
      return modulesOf('unload', plainOf(args));
    case 'git':
      return readGit(args);
    default:
      return readUrl(args) ?? readHost(args);
  }
}

/** Options of wget and curl whose next word is no address. */
const NO_ADDRESS =
  /^-(?:[a-zA-Z]*[oOdHuAebcmTFXKwCrEtPaiUQlDIRyY]|-(?:output|output-document|header|user|data|tries|timeout))$/;

/** `curl -fsSL get.example.org`: nothing but a host. */
function readHost(args: readonly string[]): Call | undefined {
  const from = args.find(
    (arg, index) =>
      /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::[0-9]+)?$/i.test(arg) &&
      !NO_ADDRESS.test(args[index - 1] ?? ''),
  );
  return from === undefined ? undefined : { of: 'fetch', from: from.slice(0, 500) };
}

function readInstall(manager: string, [verb = '', ...names]: readonly string[]): Call | undefined {
  if (REFRESHES.has(verb)) return { of: 'refresh', manager };
  const packages = names.map(packageName).filter((name) => /^[A-Za-z0-9][A-Za-z0-9+._-]*$/.test(name));
  if (packages.length === 0) return undefined;
  if (INSTALLS.has(verb)) return { of: 'install', manager, names: packages };
  return REMOVES.has(verb) ? { of: 'remove', names: packages } : undefined;
}

/** Without version, architecture and suite: `fio=3.1`, `fio:arm64`, `fio/stable`. A file is no name. */
function packageName(text: string): string {
  return text.includes('/') && /^[./]/.test(text) ? '' : text.replace(/[=:/<>~].*$/, '');
}

function readModprobe(args: readonly string[]): Call | undefined {
  const plain = plainOf(args);
  if (args.some((arg) => /^(?:-r|--remove)$/.test(arg) || /^-[a-z]*r/.test(arg)))
    return modulesOf('unload', plain);
  if (args.some((arg) => /^(?:-n|--dry-run|--show\S*|-D|-c|--resolve-alias|-R)$/.test(arg))) return undefined;
  const all = args.some((arg) => /^(?:-a|--all)$/.test(arg));
  return modulesOf('load', all ? plain : plain.slice(0, 1));
}

function modulesOf(of: 'load' | 'unload', files: readonly string[]): Call | undefined {
  const modules = files.map((file) => file.replace(/^.*\//, '').replace(/\.ko(?:\.\w+)?$/, ''));
  return modules.length === 0 ? undefined : { of, modules };
}

function readGit(args: readonly string[]): Call | undefined {
  if (!args.some((arg) => ['clone', 'fetch', 'pull', 'ls-remote', 'submodule'].includes(arg)))
    return undefined;
  return readUrl(args);
}

function readUrl(args: readonly string[]): Call | undefined {
  const from =
    args.find((arg) => /^(?:https?|ftp|git|ssh):\/\/[A-Za-z0-9[]/.test(arg)) ?? args.find(isBareHost);
  return from === undefined ? undefined : { of: 'fetch', from: from.slice(0, 500) };
}

/** `wget example.com/a.tar`: no scheme. */
function isBareHost(arg: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\.?(?::[0-9]+)?\/\S+$/i.test(arg) && !arg.startsWith('.');
}

function plainOf(args: readonly string[]): readonly string[] {
  const plain: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (TAKES_VALUE.has(arg)) index++;
    else if (!arg.startsWith('-') && arg !== '') plain.push(arg);
  }
  return plain;
}
