import { createHash } from 'node:crypto';
import type { Fingerprint } from '../domain/host.js';
import { type Layer, lowest } from '../domain/layer.js';

const BOOT = '/proc/sys/kernel/random/boot_id:';
const CMDLINE = '/proc/cmdline:';
const MODULES = '/proc/modules:';
const SYSCTL = '/proc/sys/';

/** Makes a fingerprint of the wrapper's raw lines; '' for a part of which no line came. */
export function readFingerprint(lines: readonly string[]): Fingerprint {
  const after = (start: string) =>
    lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
  const sysctls = lines.filter((line) => line.startsWith(SYSCTL) && !line.startsWith(BOOT));
  return {
    boot: (after(BOOT)[0] ?? '').slice(0, 200),
    packages: digest(after('PKG ')),
    // Only the names: use counts and addresses change by themselves.
    modules: digest(
      after(MODULES)
        .map((line) => line.split(' ')[0] ?? '')
        .sort(),
    ),
    cmdline: digest(after(CMDLINE)),
    sysctls: digest(sysctls),
  };
}

function digest(lines: readonly string[]): string {
  return lines.length === 0 ? '' : createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32);
}

/** The layer that a change of each part touches. */
const LAYER_OF: Readonly<Record<keyof Fingerprint, Layer>> = {
  boot: 'boot',
  packages: 'packages',
  modules: 'boot',
  cmdline: 'boot',
  sysctls: 'boot',
};

/** The parts in which two fingerprints differ. */
export function changedParts(a: Fingerprint, b: Fingerprint): readonly (keyof Fingerprint)[] {
  return (Object.keys(LAYER_OF) as (keyof Fingerprint)[]).filter((part) => a[part] !== b[part]);
}

/** The lowest layer that those parts belong to; undefined where there are none. */
export function changedLayer(parts: readonly (keyof Fingerprint)[]): Layer | undefined {
  return parts
    .map((part) => LAYER_OF[part])
    .reduce<Layer | undefined>((low, layer) => lowest(low, layer), undefined);
}
