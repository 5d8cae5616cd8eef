import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { canRunLightHosts } from '../lab.js';
import { ensureBuilt, ROOT } from './program.js';

const obstacle = canRunLightHosts();

describe.skipIf(obstacle !== undefined)(
  `whatever dies${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    test('no run is lost, judged twice or judged wrongly, and no host is shared', async () => {
      await ensureBuilt();
      // The short form of `npm run bench -- crash`.
      const args = ['--injections', '12', '--outage', '0', '--underway', '40', '--load', '24', '--json'];
      const { code, out, err } = await campaign([path.join(ROOT, 'bench/crash.ts'), ...args], 280_000);
      expect(out, err).toMatch(/^\{/m);
      const { figures } = JSON.parse(out.trim().split('\n').at(-1) ?? '{}');
      expect(figures, err).toMatchObject({
        injections: 12,
        lost: 0,
        judged_twice: 0,
        host_shared: 0,
        wrong_verdicts: 0,
        true_reds_kept: 1,
        stale_writes_accepted: 0,
      });
      expect(figures.runs).toBeGreaterThanOrEqual(24);
      expect(code, err).toBe(0);
    }, 300_000);
  },
);

/** Runs a benchmark; where it takes too long it is asked to end, with all that it started. */
function campaign(args: readonly string[], boundMs: number) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const tsx = path.join(ROOT, 'node_modules/.bin/tsx');
    const child = spawn(tsx, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      err += data;
    });
    const late = setTimeout(() => child.kill('SIGTERM'), boundMs);
    child.once('close', (code) => {
      clearTimeout(late);
      resolve({ code, out, err });
    });
  });
}
