import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLook, sighted } from '../../src/domain/look/read.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import { TAG_NAME } from '../../src/domain/requirement.js';

const cards = (count: number) =>
  Array.from({ length: count }, (_, n) => `pci\tis\tsys/bus/pci/devices/0000:${n.toString(16)}:00.0`);

const told = (lines: readonly string[], part: string, tag: string) => {
  const sighting = sighted(readLook(lines), part, tag);
  return sighting.presence === 'present'
    ? sighting.instances.map(({ raw }) => raw).join()
    : sighting.presence;
};

describe('what a look makes of a host', () => {
  it('is unknown, never absent, where a part broke off, whatever it had shown', () => {
    const all = [
      'pci\tbegin',
      ...cards(3),
      'pci\tdone',
      'usb\tbegin',
      'usb\tdone',
      'cmd\tbegin',
      'cmd\tno\tgit',
    ];
    for (let cut = 0; cut <= all.length; cut++) {
      const look = readLook(all.slice(0, cut));
      const expected = [
        cut >= 5 ? 'present' : 'unknown',
        cut >= 7 ? 'absent' : 'unknown',
        cut >= 9 ? 'absent' : 'unknown',
      ];
      expect([
        sighted(look, 'pci', 'pci').presence,
        sighted(look, 'usb', 'usb').presence,
        sighted(look, 'cmd', 'cmd:git').presence,
      ]).toEqual(expected);
    }
  });

  it('is all of the devices or none of them: beyond two thousand nobody claims to know', () => {
    const seen = (count: number) =>
      sighted(readLook(['pci\tbegin', ...cards(count), 'pci\tdone']), 'pci', 'pci').presence;
    expect([seen(2000), seen(2001), seen(100_000)]).toEqual(['present', 'unknown', 'unknown']);
  });

  it('takes no time to speak of, however much a host says', () => {
    const line = `proc/modules:${'x'.repeat(1000)}`;
    const lines = [
      'module\tbegin',
      ...Array.from({ length: 100_000 }, (_, n) => `${line}${n}`),
      'module\tdone',
    ];
    const from = performance.now();
    expect(sighted(readLook(lines), 'module', 'module:ext4').presence).toBe('unknown');
    expect(performance.now() - from).toBeLessThan(20_000);
  });

  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      'proc/cpuinfo:flags: ',
      'sys/class/dmi/id/sys_vendor:',
      'begin',
      'done',
      'is',
      'at',
      'yes',
      '\t',
    ),
    fc.constantFrom(...STANDARD_TAGS.map(({ source }) => ('part' in source ? source.part : ''))),
    fc.constantFrom('__proto__', 'constructor', 'sys/bus/pci/devices/x/uevent:PCI_ID=', 'x'.repeat(5000)),
  );
  const line = fc.array(text, { maxLength: 5 }).map((texts) => texts.join('\t'));
  const dmi = text.map((value) => ['dmi\tbegin', `sys/class/dmi/id/sys_vendor:${value}`]);
  const disk = fc
    .tuple(text, text)
    .map(([name, serial]) => [
      'disk\tbegin',
      `disk\tat\t${name}\t/x`,
      `disk\tserial\t${name}\t${serial}`,
      'disk\tdone',
    ]);

  it('is done with a part when the part says so, and nobody else', () => {
    const others = [
      'sys/bus/usb/devices/1-1/serial:done',
      'pci\tdone',
      'usb\tdone\t',
      'done',
      'usb\tis\tdone',
    ];
    for (const line of others) {
      expect(sighted(readLook(['usb\tbegin', line]), 'usb', 'nothing').presence).toBe('unknown');
    }
    expect(sighted(readLook(['usb\tbegin', 'usb\tdone']), 'usb', 'nothing').presence).toBe('absent');
  });

  it('has bounded names and texts on one line each, whatever it said', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            line.map((one) => [one]),
            dmi,
            disk,
          ),
          { maxLength: 20 },
        ),
        (said) => {
          for (const { tags } of readLook(said.flat()).values()) {
            for (const [name, sighting] of tags) {
              expect(name).toMatch(TAG_NAME);
              for (const one of sighting.presence === 'present' ? sighting.instances : []) {
                for (const value of [one.place, one.raw, ...Object.values(one.attributes ?? {})]) {
                  expect(value.length).toBeLessThanOrEqual(300);
                  expect(value).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
                }
              }
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['0', '1'],
    ['0-7', '8'],
    ['0-3,8,10-11', '7'],
    ['', 'unknown'],
    ['all', 'unknown'],
    ['3-1', 'unknown'],
  ])('counts the processors %s as %s', (online, expected) => {
    const lines = ['cpu\tbegin', `sys/devices/system/cpu/online:${online}`, 'cpu\tdone'];
    expect(told(lines, 'cpu', 'cpus')).toBe(expected);
  });

  it.each([
    ['16 GiB in blocks of 128 MiB', 16_314_268, '8000000', 128, String(16 * 2 ** 30)],
    ['without blocks', 16_314_268, '', 0, String(16_314_268 * 1024)],
    ['blocks of which most are not in use', 4_000_000, '8000000', 128, String(4_000_000 * 1024)],
    ['blocks that are less than there is', 16_314_268, '8000000', 8, String(16_314_268 * 1024)],
    ['64 TiB', 68_000_000_000, '80000000', 32_768, String(64 * 2 ** 40)],
  ])('measures memory: %s', (_, kib, size, blocks, expected) => {
    const lines = [
      'memory\tbegin',
      `memory\tblocks\t${blocks}`,
      `proc/meminfo:MemTotal:       ${kib} kB`,
      'proc/meminfo:SwapTotal:       0 kB',
      ...(size === '' ? [] : [`sys/devices/system/memory/block_size_bytes:${size}`]),
      'memory\tdone',
    ];
    expect(told(lines, 'memory', 'memory')).toBe(`${expected}B`);
    expect(told(lines, 'memory', 'swap')).toBe('absent');
  });

  it.each([
    ['ID=debian', 'debian'],
    ['ID="opensuse-leap"', 'opensuse-leap'],
    ["ID='alpine'", 'alpine'],
    ['NAME=Debian', 'absent'],
  ])('reads the distribution in %s as %s', (line, expected) => {
    expect(told(['distro\tbegin', `etc/os-release:${line}`, 'distro\tdone'], 'distro', 'distro')).toBe(
      expected,
    );
  });

  it.each([
    [[], 'unknown'],
    [['proc/self/status:Uid:\t1000\t1000\t1000\t1000'], 'absent'],
    [['proc/self/status:Uid:\t0\t0\t0\t0'], 'unknown'],
    [['proc/self/status:Uid:\t0\t0\t0\t0', 'proc/self/uid_map: 0 0 4294967295'], ''],
    [['proc/self/status:Uid:\t0\t0\t0\t0', 'proc/self/uid_map: 0 100000 65536'], 'absent'],
    [['proc/self/status:Uid:\t0\t0\t0\t0', 'proc/self/uid_map: 0 0 1'], 'absent'],
  ])('tells root from the root of a user namespace: %j is %j', (lines, expected) => {
    expect(told(['system\tbegin', ...lines, 'system\tdone'], 'system', 'root')).toBe(expected);
  });

  it.each([
    ['x86_64', false, 'bios'],
    ['x86_64', true, 'uefi'],
    ['aarch64', true, 'uefi'],
    ['aarch64', false, 'absent'],
  ])('takes %s with EFI %s to be booted by %s', (arch, efi, expected) => {
    const lines = [`proc/sys/kernel/arch:${arch}`, ...(efi ? ['firmware\tefi'] : [])];
    expect(told(['firmware\tbegin', ...lines, 'firmware\tdone'], 'firmware', 'firmware')).toBe(expected);
  });
});
