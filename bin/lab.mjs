// `npm run lab -- [HOSTS]`: light hosts, repositories for apt, dnf and git, a mail server, and an inventory for them.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build, installDebian, installPackages, root } from './prepare.mjs';

installPackages();
const missing = installDebian({
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  mount: 'mount',
  git: 'git',
  gpg: 'gnupg',
  'apt-ftparchive': 'apt-utils',
  'dpkg-deb': 'dpkg',
  rpmbuild: 'rpm',
  createrepo_c: 'createrepo-c',
});
if (missing.length > 0) process.exit(1);
build();
// Without tsx's own process between: at a second signal that one would kill a lab which is still ending.
const main = path.join(root, 'lab', 'main.ts');
const child = spawn(process.execPath, ['--import', 'tsx', main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// The terminal tells the whole group; it is the lab that ends, and then we.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
