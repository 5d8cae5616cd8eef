import type { Fact, Lack } from './fact.js';

/** A lack and where in the output it was. */
export type PlacedLack = Lack & { readonly at?: number };

const LACKS: ReadonlySet<string> = new Set<Lack['kind']>([
  'command',
  'package',
  'module',
  'device',
  'kernel_feature',
  'download',
  'space',
  'permission',
  'places',
]);

/** What is there where systemd is the first process, as sd_booted(3) says. */
export const SYSTEMD = '/run/systemd/system';

/** Whether a fact is something that the host did not have. */
export function isLack(fact: Fact): fact is PlacedLack {
  return LACKS.has(fact.kind);
}

/** The same for two lacks of the same thing. */
export function lackKey(lack: Lack): string {
  return `${lack.kind} ${thing(lack)}`;
}

/** What is missing, in words: `the command iperf3`. */
export function lackText(lack: Lack): string {
  switch (lack.kind) {
    case 'command':
      return `the command ${lack.name}`;
    case 'package': {
      const what = lack.names.length === 1 ? 'package' : 'packages';
      return `the ${what} ${lack.names.join(', ')} (${PACKAGE_TROUBLE[lack.why]})`;
    }
    case 'module':
      return `the kernel module ${lack.name}`;
    case 'device':
      return lack.path === SYSTEMD ? 'systemd as the first process' : lack.path;
    case 'kernel_feature':
      return `${lack.name} in the kernel`;
    case 'download':
      return `${lack.from} (${lack.why})`;
    case 'space':
      return `room on the file system of ${lack.path}`;
    case 'permission':
      return `the permission to ${lack.what}`;
    case 'places':
      return `several places (it calls ${lack.call})`;
  }
}

const PACKAGE_TROUBLE: Readonly<Record<Extract<Lack, { kind: 'package' }>['why'], string>> = {
  unknown: 'no repository of the host has it',
  unreachable: 'the repositories cannot be reached',
  not_root: 'only root may install',
  space: 'there was no room',
  failed: 'it could not be installed',
  unfinished: 'its installation had not ended when the time was over',
};

/** The tag by which a run would have been kept from a host without it; undefined: no tag helps. */
export function tagOf(lack: Lack): string | undefined {
  switch (lack.kind) {
    case 'command':
      return tagName('cmd', lack.name.slice(lack.name.lastIndexOf('/') + 1));
    case 'package':
      return lack.why === 'not_root' ? 'root' : lack.names.map((name) => tagName('pkg', name)).join(', ');
    case 'module':
      return tagName('module', lack.name);
    case 'device':
      if (lack.path === SYSTEMD) return 'systemd';
      if (lack.path === '/dev/kvm') return 'kvm';
      if (lack.path.startsWith('/dev/loop')) return 'loop-device';
      return tagName('path', lack.path.replace(/^\//, '').replaceAll('/', '.'));
    case 'kernel_feature':
      return tagName('kernel-has', lack.name);
    case 'download':
      return 'internet';
    case 'space':
      return 'disk-room';
    case 'permission':
      return 'root';
    case 'places':
      return undefined;
  }
}

/** What is missing and the tags that would have said so, of several lacks: `the command iperf3 (needs cmd:iperf3)`. */
export function lacksText(lacks: readonly Lack[]): string {
  const texts = lacks.map((lack) => {
    const tag = tagOf(lack);
    return tag === undefined ? lackText(lack) : `${lackText(lack)} (needs ${tag})`;
  });
  const shown = [...new Set(texts)];
  return shown.slice(0, 4).join('; ') + (shown.length > 4 ? `; and ${shown.length - 4} more` : '');
}

/** A family's member; what no tag's name may hold becomes a dash. */
function tagName(family: string, member: string): string {
  return `${family}:${member.replace(/[^A-Za-z0-9._:+-]/g, '-')}`.slice(0, 100);
}

function thing(lack: Lack): string {
  switch (lack.kind) {
    case 'command':
    case 'module':
    case 'kernel_feature':
      return lack.name;
    case 'package':
      return lack.names.join(' ');
    case 'device':
    case 'space':
      return lack.path;
    case 'download':
      return lack.from;
    case 'permission':
      return lack.what;
    case 'places':
      return lack.call;
  }
}
