// Brings a fresh clone to where it can run: packages from npm, and a build that is newer than the sources.
// Only Node's own modules here: nothing else is there yet.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

function newest(folder) {
  let newestMs = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    newestMs = Math.max(newestMs, entry.isDirectory() ? newest(file) : statSync(file).mtimeMs);
  }
  return newestMs;
}

/** Installs what package-lock.json names, if that has not been done since it changed. */
export function installPackages() {
  const mark = path.join(root, 'node_modules', '.testyard-installed');
  const lock = path.join(root, 'package-lock.json');
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log('installing packages from npm (once) ...');
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (done.status !== 0) {
    console.error('testyard: npm install failed; its message is above');
    process.exit(1);
  }
  writeFileSync(mark, '');
}

/** Builds dist/ with the Nest command line, if a source is newer. */
export function build() {
  const mark = path.join(root, 'dist', '.built');
  const sources = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', '.swcrc'];
  const changed = Math.max(
    ...sources.map((name) => {
      const file = path.join(root, name);
      return statSync(file).isDirectory() ? newest(file) : statSync(file).mtimeMs;
    }),
  );
  if (existsSync(mark) && statSync(mark).mtimeMs >= changed) return;
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  mkdirSync(path.join(root, 'dist'));
  execFileSync(path.join(root, 'node_modules', '.bin', 'nest'), ['build'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(mark, '');
}

/** Installs Debian packages whose programs are missing; without root it says which and gives them back. */
export function installDebian(programs) {
  const places = `${process.env.PATH}:/usr/sbin:/sbin`.split(':');
  const missing = Object.entries(programs)
    .filter(([program]) => !places.some((place) => existsSync(path.join(place, program))))
    .map(([, name]) => name);
  if (missing.length === 0) return [];
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) {
    console.error(
      `testyard: not installed: ${missing.join(', ')} (as root: ${command}); what needs them is skipped`,
    );
    return missing;
  }
  console.log(`installing from Debian: ${missing.join(' ')}`);
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  spawnSync('apt-get', ['update', '-qq'], options);
  const done = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], options);
  return done.status === 0 ? [] : missing;
}
