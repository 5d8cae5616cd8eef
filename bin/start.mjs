// `npm start`: the whole grid on this machine, showing its main job.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { build, installDebian, installPackages, root } from './prepare.mjs';

installPackages();
build();
installDebian({ git: 'git', ...(process.getuid?.() === 0 ? {} : { bwrap: 'bubblewrap' }) });
const child = spawn(
  process.execPath,
  [path.join(root, 'bin', 'testyard.mjs'), 'up', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
// Ctrl-C reaches the whole group; the grid ends by itself, and we after it.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
