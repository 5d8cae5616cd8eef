import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import { sightOf } from '../domain/plan/promise.js';
import type { AttemptEvent, TagProbe, TagSeen } from '../protocol/messages.js';

/** Long lists are told many words to a line: a tag has at most 2000 values, each of at most 300 characters. */
const PACKED = "sort | tr '\\n' ' ' | fold -s -w 250";

const PACKAGES = `has() { command -v "$1" >/dev/null; }
{
  if has dpkg-query; then dpkg-query -W -f='\${db:Status-Abbrev}\${binary:Package}=\${Version}\\n' | sed -n 's/^ii *//p'
  elif has rpm; then rpm -qa --qf '%{NAME}.%{ARCH}=%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n'
  elif has pacman; then pacman -Q | tr ' ' '='
  elif has apk; then apk info -v
  fi
} 2>/dev/null | ${PACKED}`;

/** Settings, without what counts something or belongs to one interface. */
const sysctls = (files: string) => `cd /proc/sys || exit 1
grep -s . /dev/null ${files} 2>/dev/null | grep -v -E '^(kernel/(ns_last_pid|random/|pty/nr)|fs/(dentry-state|inode-|file-nr|aio-nr))'`;

const probe = (tag: string, script: string): TagProbe => ({ tag, script, kind: 'text' });

/** What the environment record wants seen: the whole standard look, and lists that are no tags. */
export const OBSERVED: readonly TagProbe[] = [
  ...STANDARD_TAGS.filter(({ name }) => name !== 'cmd:*').flatMap((spec) => sightOf(spec) ?? []),
  probe('env:command-line', "tr -s ' ' '\\n' </proc/cmdline"),
  probe('env:packages', PACKAGES),
  probe('env:sysctls', sysctls('kernel/* kernel/*/* vm/* fs/* fs/*/*')),
  probe('env:sysctls-net', sysctls('net/core/* net/ipv4/* net/ipv6/*')),
];

/** What a run was made on. A list is left out where nobody could look. */
export interface EnvironmentRecord {
  readonly host: string;
  /** RFC 3339. */
  readonly takenAt: string;
  readonly commandLine?: string;
  /** What is compared after a test, part by part; '' where a part cannot be read. */
  readonly fingerprint?: Readonly<Record<string, string>>;
  /** Tags by name: true for a flag, else its value, or its devices. */
  readonly tags: Readonly<Record<string, unknown>>;
  /** Members of families by family: features of the processor, loaded and built-in modules. */
  readonly families: Readonly<Record<string, readonly string[]>>;
  /** Version by name; '' where the package manager tells both in one word. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Value by path below /proc/sys; of several lines all of them. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** What nobody could look at. */
  readonly unknown: readonly string[];
}

/** Makes the record of what was seen before a test. */
export function environmentRecord(
  { tags, fingerprint }: Extract<AttemptEvent, { kind: 'verified' }>,
  host: string,
): EnvironmentRecord {
  const own = new Map(tags.filter(({ tag }) => tag.startsWith('env:')).map((one) => [one.tag, rawsOf(one)]));
  const seen = tags.filter(({ tag }) => !tag.startsWith('env:'));
  const present = seen.filter(({ presence }) => presence === 'present');
  const commandLine = own.get('env:command-line')?.join(' ');
  const packages = own.get('env:packages');
  const lines = [...(own.get('env:sysctls') ?? []), ...(own.get('env:sysctls-net') ?? [])];
  return {
    host,
    takenAt: new Date().toISOString(),
    ...(commandLine === undefined || commandLine === '' ? {} : { commandLine }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    tags: Object.fromEntries(
      present.filter((one) => !isFamily(one)).map((one) => [one.tag, shownValue(one)]),
    ),
    families: Object.fromEntries(
      present
        .filter(isFamily)
        .map(({ tag, instances = [] }) => [tag, instances.map(({ place }) => place).sort()]),
    ),
    ...(packages === undefined || packages.length === 0
      ? {}
      : { packages: pairs(packages.join(' ').split(/\s+/), '=') }),
    ...(lines.length === 0 ? {} : { sysctls: pairs(lines, ':') }),
    unknown: tags.filter(({ presence }) => presence === 'unknown').map(({ tag }) => tag),
  };
}

function isFamily({ tag }: TagSeen): boolean {
  return tag.endsWith(':*');
}

function rawsOf({ instances = [] }: TagSeen): readonly string[] {
  return instances.map(({ raw }) => raw);
}

function shownValue({ instances = [] }: TagSeen): unknown {
  const [first] = instances;
  if (first === undefined) return true;
  if (instances.length === 1 && first.place === '') return first.raw;
  return instances.map(({ place, raw, attributes }) => ({ place, ...(attributes ?? { id: raw }) }));
}

/** Words `name=value` as a record in order of names; lines of one name are put together. */
function pairs(words: readonly string[], separator: string): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const word of words.filter((one) => one !== '')) {
    const at = word.indexOf(separator);
    const [name, value] = at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
