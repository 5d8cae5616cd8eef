// `npm run bench -- NAME [--seed N] [--json]`: one benchmark; without a name it lists them.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { build, installDebian, installPackages, root } from './prepare.mjs';

installPackages();
installDebian({
  sshd: 'openssh-server',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  glpsol: 'glpk-utils',
});
build();
const [name, ...rest] = process.argv.slice(2);
const file = path.join(root, 'bench', `${name}.ts`);
if (name === undefined || !existsSync(file)) {
  const known = readdirSync(path.join(root, 'bench')).filter((f) => f.endsWith('.ts') && !f.startsWith('_'));
  console.log(
    `npm run bench -- NAME [--seed N] [--json]\n\n${known.map((f) => `  ${f.slice(0, -3)}`).join('\n')}`,
  );
  process.exit(name === undefined ? 0 : 2);
}
const child = spawn(path.join(root, 'node_modules', '.bin', 'tsx'), [file, ...rest], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
