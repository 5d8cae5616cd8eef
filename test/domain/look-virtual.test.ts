import { describe, expect, it } from 'vitest';
import { readLook, sighted } from '../../src/domain/look/read.js';

const FIRST = { user: 4026531837, uts: 4026531838, ipc: 4026531839, cgroup: 4026531835 };

/** A host that says all this of itself; by default a whole machine. */
function kindOf(said: {
  readonly dmi?: readonly [vendor: string, product: string];
  readonly cpu?: string;
  readonly namespaces?: Readonly<Record<string, number>>;
  readonly more?: readonly string[];
}): string {
  const {
    dmi = ['Dell Inc.', 'PowerEdge R420'],
    cpu = 'flags\t\t: fpu vmx',
    namespaces = {},
    more = [],
  } = said;
  const look = readLook([
    'virtual\tbegin',
    ...Object.entries({ ...FIRST, ...namespaces }).map(
      ([name, inode]) => `virtual\tinode\tproc/self/ns/${name}\t${inode}`,
    ),
    `proc/cpuinfo:${cpu}`,
    'proc/sys/kernel/osrelease:6.1.0-13-amd64',
    `sys/class/dmi/id/sys_vendor:${dmi[0]}`,
    `sys/class/dmi/id/product_name:${dmi[1]}`,
    ...more,
    'virtual\tdone',
  ]);
  const [flag, kind] = ['virtual', 'virtual-kind'].map((tag) => sighted(look, 'virtual', tag));
  expect(flag?.presence).toBe(kind?.presence);
  return kind?.presence === 'present' ? (kind.instances[0]?.raw ?? '') : 'whole machine';
}

const GUEST = 'flags\t\t: fpu hypervisor';

describe('what a machine is', () => {
  it.each([
    ['a whole machine', {}, 'whole machine'],
    ['a rented one without a guest', { dmi: ['Amazon EC2', 'm7i.metal-24xl'] }, 'whole machine'],
    ['a guest of QEMU', { dmi: ['QEMU', 'Standard PC (i440FX + PIIX, 1996)'], cpu: GUEST }, 'qemu'],
    ['a guest of KVM', { dmi: ['Red Hat', 'KVM'], cpu: GUEST }, 'kvm'],
    ['a guest of VMware', { dmi: ['VMware, Inc.', 'VMware7,1'], cpu: GUEST }, 'vmware'],
    ['a guest of VirtualBox', { dmi: ['innotek GmbH', 'VirtualBox'], cpu: GUEST }, 'virtualbox'],
    ['a guest of Hyper-V', { dmi: ['Microsoft Corporation', 'Virtual Machine'], cpu: GUEST }, 'hyperv'],
    ['a guest that calls itself a Dell', { cpu: GUEST }, 'vm'],
    ['a guest on ARM', { dmi: ['QEMU', 'QEMU Virtual Machine'], cpu: 'Features\t: fp asimd' }, 'qemu'],
    ['a board', { dmi: ['', ''], cpu: 'Features\t: fp asimd' }, 'whole machine'],
    ['a Xen guest', { more: ['sys/hypervisor/type:xen'] }, 'xen'],
    ['a docker container', { more: ['virtual\tcontainer\tdocker'] }, 'docker'],
    ['an LXC container', { more: ['run/systemd/container:lxc'] }, 'lxc'],
    ['a container in a virtual machine', { cpu: GUEST, more: ['virtual\tcontainer\tpodman'] }, 'podman'],
    ['a container that hides', { namespaces: { uts: 4026532200, ipc: 4026532201 } }, 'container'],
    ['a user namespace', { namespaces: { user: 4026532200 } }, 'container'],
    ['a service with a host name of its own', { namespaces: { uts: 4026532200 } }, 'whole machine'],
  ] as const)('%s', (_, said, expected) => {
    expect(kindOf(said)).toBe(expected);
  });
});
