import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunLightHosts } from '../../lab.js';
import { WatchedHost } from './a-watched-run.js';

const obstacle = canRunLightHosts();
const HEAD = '#!/bin/sh\nreport() { echo "$1 $2"; lava-test-case "$1" --result "$2"; }\n';
const NAG = { timeoutMs: 4000 };

describe.skipIf(obstacle)(
  `a test whose time is over${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: WatchedHost;
    /** Takes every connection and says nothing. */
    let silent: Server;
    beforeAll(async () => {
      yard = await WatchedHost.start();
      silent = createServer(() => {}).listen(0);
    });
    afterAll(async () => {
      await yard?.stop();
      silent?.close();
    });

    const run = (script: string) => {
      const { port } = silent.address() as AddressInfo;
      const list = `echo 'deb [trusted=yes] http://${yard.host.gateway}:${port}/ ./' >/etc/apt/sources.list\n`;
      return yard.run({ steps: ['./t.sh'] }, { 't.sh': `${HEAD}${list}${script}\n` }, NAG);
    };

    it('while it fetches lists of packages could not run', async () => {
      const { verdict, text } = await run('apt-get update -q\nreport a pass');
      expect(verdict, text).toMatch(
        /^could_not_run: timed out after .* for want of the lists of packages \(not there when/,
      );
    });

    it('and keeps the red that was told before', async () => {
      const { verdict, text } = await run('report a fail\nsleep 0\napt-get update -q');
      expect(verdict, text).toMatch(/^failed: failed cases: a/);
    });

    it('while something else hangs beside that is red', async () => {
      const { verdict, text } = await run('apt-get update -q &\nperl -e "sleep 100"\nreport a pass');
      expect(verdict, text).toMatch(/^failed: timed out/);
    });

    it('while it waits for itself is red', async () => {
      const { verdict, text } = await run('apt-get install -y hostname\nwhile :; do sleep 1; done');
      expect(verdict, text).toMatch(/^failed: timed out/);
    });
  },
);
