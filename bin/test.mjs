// `npm test`: format, lint, types and every test but those that take minutes each, which `npm test -- --slow` runs. With
// other arguments: only those tests.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { build, installDebian, installPackages, root } from './prepare.mjs';

installPackages();
installDebian({
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  bwrap: 'bubblewrap',
  mount: 'mount',
  openssl: 'openssl',
  rpm: 'rpm',
  git: 'git',
  gpg: 'gnupg',
  gpgv: 'gpgv',
  xz: 'xz-utils',
  zstd: 'zstd',
  'apt-ftparchive': 'apt-utils',
  rpmbuild: 'rpm',
  dnf: 'dnf',
  createrepo_c: 'createrepo-c',
  // The virtual machine that shows what only a kernel of its own can: with firmware, cards and disks.
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  cpio: 'cpio',
  depmod: 'kmod',
});
build();
const tool = (name) => path.join(root, 'node_modules', '.bin', name);
const isSlow = process.argv.includes('--slow');
if (isSlow) process.env.TESTYARD_SLOW = '1';
const given = process.argv.slice(2).filter((one) => one !== '--slow');
const checks =
  given.length > 0 || isSlow
    ? []
    : [
        ['format and lint', tool('biome'), ['ci', '--error-on-warnings']],
        ['types', tool('tsc'), ['--noEmit']],
      ];
for (const [what, command, args] of [...checks, ['tests', tool('vitest'), ['run', ...given]]]) {
  console.log(`\n== ${what}`);
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) {
    console.error(`testyard: ${what}: failed`);
    process.exit(1);
  }
}
