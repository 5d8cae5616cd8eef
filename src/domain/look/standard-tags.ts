import type { TagSpec, Value } from '../tag.js';

const text: Value = { kind: 'text' };
const bytes: Value = { kind: 'quantity', unit: 'B' };

/** A device's attributes that hold text, all of them. */
const texts = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, text]));

const by = (part: string) => ({ by: 'look', part }) as const;

/** The tags that the standard look at a Linux host sees, so that nobody has to write probes for them. */
export const STANDARD_TAGS: readonly TagSpec[] = [
  {
    name: 'linux',
    kind: 'flag',
    source: by('kernel'),
    meaning: 'The kernel is Linux.',
  },
  {
    name: 'kernel',
    kind: 'version',
    scheme: 'kernel',
    source: by('kernel'),
    meaning: 'Release of the running kernel, as `uname -r` says it.',
  },
  {
    name: 'arch',
    ...text,
    source: by('kernel'),
    meaning: 'What the kernel calls the machine, as `uname -m` says it: x86_64, aarch64.',
  },
  {
    name: 'boot-id',
    ...text,
    source: by('kernel'),
    meaning: 'Random text that the kernel makes anew at every boot.',
  },
  {
    name: 'distro',
    ...text,
    source: by('distro'),
    meaning: 'The distribution, by the ID in /etc/os-release: debian, fedora, alpine.',
  },
  {
    name: 'distro-version',
    kind: 'version',
    scheme: 'natural',
    source: by('distro'),
    meaning: 'Release of the distribution (VERSION_ID in /etc/os-release); rolling ones have none.',
  },
  {
    name: 'cpus',
    kind: 'quantity',
    unit: '',
    source: by('cpu'),
    meaning: 'Processors that the kernel schedules on, hyper-threads counted.',
  },
  {
    name: 'cpu:*',
    kind: 'flag',
    source: by('cpu'),
    meaning: 'The first processor has this feature, by its name in /proc/cpuinfo: cpu:vmx, cpu:avx2.',
  },
  {
    name: 'memory',
    ...bytes,
    source: by('memory'),
    meaning:
      'Memory of the machine. What the kernel keeps for itself counts, where the kernel tells in which blocks the memory came.',
  },
  {
    name: 'swap',
    ...bytes,
    source: by('memory'),
    meaning: 'Space to swap to that is switched on; absent where there is none.',
  },
  {
    name: 'disk',
    kind: 'device',
    attributes: { ...texts('id', 'serial', 'model', 'rotational', 'bus'), size: bytes },
    source: by('disk'),
    meaning:
      'A whole disk with hardware behind it, at its name in /dev (sda). Its id is its serial number; rotational is yes or no; bus is nvme, sata, sas, scsi, usb, virtio or mmc.',
  },
  {
    name: 'pci',
    kind: 'device',
    attributes: texts('id', 'class', 'driver', 'subsystem'),
    source: by('pci'),
    meaning:
      'A PCI function at its address (0000:01:00.0). Its id and subsystem are vendor:device (10de:1b80), its class is four digits (0300) as `lspci -n` says them; driver is none while none is bound.',
  },
  {
    name: 'usb',
    kind: 'device',
    attributes: texts('id', 'driver', 'serial'),
    source: by('usb'),
    meaning:
      'A USB device at its port (1-1.2), root hubs left out. Its id is vendor:product (046d:c31c); driver is that of its first interface that has one, or none.',
  },
  {
    name: 'nic',
    kind: 'device',
    attributes: {
      ...texts('id', 'driver', 'mac', 'state', 'bus'),
      speed: { kind: 'quantity', unit: 'bit/s' },
    },
    source: by('nic'),
    meaning:
      'A network interface with hardware behind it, at its name (eth0). Its id and bus are those of its card (10de:1b80 at 0000:01:00.0); its speed is known while a link is up; state is up, down or what else the kernel says.',
  },
  {
    name: 'virtual',
    kind: 'flag',
    source: by('virtual'),
    meaning: 'This is a virtual machine or a container and no machine of its own.',
  },
  {
    name: 'virtual-kind',
    ...text,
    source: by('virtual'),
    meaning:
      'What it runs in: kvm, qemu, vmware, virtualbox, hyperv, xen, vm, docker, podman, lxc, container.',
  },
  {
    name: 'firmware',
    ...text,
    source: by('firmware'),
    meaning: 'How the machine was booted: uefi or bios; machines that know neither have none.',
  },
  {
    name: 'firmware-version',
    kind: 'version',
    scheme: 'natural',
    source: by('firmware'),
    meaning: 'Version of the firmware as its maker writes it.',
  },
  {
    name: 'dmi-vendor',
    ...text,
    source: by('dmi'),
    meaning: 'Maker of the machine, as its firmware says it.',
  },
  {
    name: 'dmi-product',
    ...text,
    source: by('dmi'),
    meaning: 'Model of the machine, as its firmware says it: PowerEdge R420.',
  },
  {
    name: 'dmi-board',
    ...text,
    source: by('dmi'),
    meaning: 'Name of the main board, as its firmware says it.',
  },
  {
    name: 'dmi-serial',
    ...text,
    source: by('dmi'),
    meaning: 'Serial number of the machine, as its firmware says it; only root can read it.',
  },
  {
    name: 'module:*',
    kind: 'flag',
    source: by('module'),
    meaning: 'This kernel module is loaded or built in; - and _ in its name are the same.',
  },
  {
    name: 'cmd:*',
    kind: 'flag',
    source: by('cmd'),
    meaning: 'This program is in the search path of commands; looked for only when something asks for it.',
  },
  {
    name: 'root',
    kind: 'flag',
    source: by('system'),
    meaning: 'Tests run as the real root of the machine. A host of kind `local` never has it.',
  },
  {
    name: 'systemd',
    kind: 'flag',
    source: by('system'),
    meaning: 'The machine was started by systemd.',
  },
  {
    name: 'kvm',
    kind: 'flag',
    source: by('system'),
    meaning: 'Virtual machines run at full speed; /dev/kvm can be read and written.',
  },
  {
    name: 'ipv6',
    kind: 'flag',
    source: by('system'),
    meaning: 'Some interface, loopback too, has an IPv6 address.',
  },
  {
    name: 'loop-device',
    kind: 'flag',
    source: by('system'),
    meaning: 'Files can be mounted as disks, by loop devices.',
  },
];
