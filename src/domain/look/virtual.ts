import { type PartLines, shown } from './lines.js';
import { PRESENT, type Reading } from './machine.js';

/**
 * Whether this is a machine of its own, in the manner of systemd-detect-virt: containers first, for one in a virtual
 * machine is a container. Source: systemd, src/basic/virt.c, for which files to ask; the texts are the vendors' own.
 */
export function readVirtual(lines: PartLines): Reading {
  const kind = containerOf(lines) ?? machineOf(lines);
  if (kind === undefined) return { tags: [] };
  return {
    tags: [
      ['virtual', PRESENT],
      ['virtual-kind', { presence: 'present', instances: [{ place: '', raw: kind }] }],
    ],
  };
}

const first = (lines: PartLines, path: string) => shown(lines.files.get(path)?.[0]);

/** Numbers of a kernel's first namespaces: PROC_*_INIT_INO in include/linux/proc_ns.h. */
const FIRST_NAMESPACES: Readonly<Record<string, string>> = {
  user: '4026531837',
  uts: '4026531838',
  ipc: '4026531839',
  cgroup: '4026531835',
};

function containerOf(lines: PartLines): string | undefined {
  const told = first(lines, 'run/systemd/container') || word(lines, 'container');
  if (told !== '') return told.slice(0, 40);
  if (/microsoft/i.test(first(lines, 'proc/sys/kernel/osrelease'))) return 'wsl';
  const own = lines.words.flatMap(([name, path = '', inode]) => {
    const kind = path.slice(path.lastIndexOf('/') + 1);
    return name === 'inode' && FIRST_NAMESPACES[kind] !== inode ? [kind] : [];
  });
  // A service may have one namespace of its own for its safety, and so may the session that looks.
  return own.includes('user') || own.length > 1 ? 'container' : undefined;
}

const PRODUCTS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/\bKVM\b|Google Compute Engine|OpenStack|Amazon EC2/i, 'kvm'],
  [/QEMU|Bochs/i, 'qemu'],
  [/VMware|VMW/i, 'vmware'],
  [/VirtualBox|innotek/i, 'virtualbox'],
  [/Microsoft Corporation.*Virtual Machine/i, 'hyperv'],
  [/\bXen\b/i, 'xen'],
  [/Parallels|BHYVE|Apple Virtualization/i, 'vm'],
];

function machineOf(lines: PartLines): string | undefined {
  if (first(lines, 'sys/hypervisor/type') === 'xen') return 'xen';
  const flags = lines.files.get('proc/cpuinfo')?.[0]?.split(/\s+/) ?? [];
  const product = ['sys_vendor', 'product_name']
    .map((name) => first(lines, `sys/class/dmi/id/${name}`))
    .join(' ');
  const named = PRODUCTS.find(([pattern]) => pattern.test(product))?.[1];
  // Makers of clouds rent out whole machines too, under the same name, whose processor says that it is nobody's guest.
  const x86 = flags[0] === 'flags';
  if (flags.includes('hypervisor') || (!x86 && lines.words.some(([name]) => name === 'hypervisor'))) {
    return named ?? 'vm';
  }
  return x86 ? undefined : named;
}

function word(lines: PartLines, name: string): string {
  return shown(lines.words.find(([first]) => first === name)?.[1]);
}
