import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Rates } from '../../src/domain/culprit/rates.js';

/**
 * Lets `git bisect run` search a repository of so many commits, of which one breaks a script that flakes; true where
 * it names that one. The script flips a coin that only a seed and the number of the run decide.
 */
export function gitBisectRun(changes: number, culprit: number, { a, b }: Rates, seed: number): boolean {
  const folder = mkdtempSync(path.join(tmpdir(), 'culprit-git-'));
  const repository = path.join(folder, 'repository');
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', repository, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
  try {
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
    execFileSync('git', ['-C', repository, 'fast-import', '--quiet'], { input: historyOf(changes, culprit) });
    const script = path.join(folder, 'check.sh');
    writeFileSync(script, checkOf(folder, { a, b }, seed), { mode: 0o755 });
    git('bisect', 'start', '--no-checkout', 'main', `main~${changes}`);
    let said: string;
    try {
      said = git('bisect', 'run', script);
    } catch {
      // It gives up where a flake leaves nothing to name.
      return false;
    }
    return (
      said.includes(`is the first bad commit`) &&
      git('show', '-s', '--format=%s', 'bisect/bad').trim() === `${culprit}`
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Commits that say their number, from 0 on, for `git fast-import`. */
function historyOf(changes: number, culprit: number): string {
  return Array.from({ length: changes + 1 }, (_, n) => {
    const text = n >= culprit ? 'broken' : 'well';
    return [
      'commit refs/heads/main',
      `committer Ada <ada@example.org> ${1_700_000_000 + n} +0000`,
      `data ${String(n).length}`,
      `${n}`,
      'M 100644 inline state',
      `data ${text.length}`,
      text,
      '',
    ].join('\n');
  }).join('\n');
}

function checkOf(folder: string, { a, b }: Rates, seed: number): string {
  return `#!/bin/sh
n=$(cat '${folder}/runs' 2>/dev/null || echo 0)
echo $((n + 1)) > '${folder}/runs'
coin=$(($(echo "${seed} $n" | cksum | cut -d' ' -f1) % 10000))
if test "$(git show BISECT_HEAD:state)" = broken
then test $coin -lt ${Math.round(b * 10_000)}
else test $coin -ge ${Math.round(a * 10_000)}
fi
`;
}
