import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunLightHosts } from '../../lab.js';
import { WatchedHost } from './a-watched-run.js';

const obstacle = canRunLightHosts();

const HEAD = `#!/bin/sh
report() { echo "$1 $2"; lava-test-case "$1" --result "$2"; }
apt-get install -y hostname >/dev/null
`;
const NEVER = /^tested_nothing: exit 0, but the command hostname was never executed$/;

describe.skipIf(obstacle)(
  `which commands ran${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: WatchedHost;
    beforeAll(async () => {
      yard = await WatchedHost.start();
    });
    afterAll(() => yard?.stop());

    /** What a test that had `hostname` installed does, and what comes of it. */
    const table: readonly (readonly [string, string, RegExp])[] = [
      [
        'a loop over nothing',
        'for n in $NAMES; do hostname "$n" || report a fail; done\nreport a pass',
        NEVER,
      ],
      ['a branch that is not taken', '[ -z "$DEEP" ] || x=$(hostname -f)\nreport a pass', NEVER],
      [
        'a red is a red',
        'for n in $NAMES; do hostname "$n"; done\nreport a fail',
        /^failed: failed cases: a/,
      ],
      ['it ran', 'hostname >/dev/null && report a pass', /^passed/],
      [
        'it ran once and not for all',
        'hostname\nreport a pass\n[ -z "$DEEP" ] || hostname -f\nreport b pass',
        /^passed/,
      ],
      ['started by others', 'timeout 9 env A=1 hostname >/dev/null && report a pass', /^passed/],
      ['by its path', '/bin/hostname >/dev/null && report a pass', /^passed/],
      ['in the background', '( hostname & wait ) >/dev/null\nreport a pass', /^passed/],
      [
        'among other mounts',
        'unshare -m hostname >/dev/null; [ -z "$DEEP" ] || hostname\nreport a pass',
        /^passed/,
      ],
      [
        'another program of that package',
        'dnsdomainname >/dev/null; [ -z "$DEEP" ] || hostname\nreport a pass',
        /^passed/,
      ],
      [
        'a command of that name that lies elsewhere',
        `mkdir x; printf '#!/bin/sh\\necho me; exit 0\\n' >x/hostname; chmod 755 x/hostname
./x/hostname; [ -z "$DEEP" ] || hostname
report a pass`,
        /^passed/,
      ],
      [
        'under another name',
        'cp "$(command -v hostname)" ./its-copy; ./its-copy; [ -z "$DEEP" ] || hostname\nreport a pass',
        /^passed/,
      ],
      ['installed and never called', '[ -e /bin/hostname ] && report a pass', /^passed/],
      [
        'where nobody was left to see it',
        `for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q '/.watcher ' && kill -9 \${p#/proc/}; done 2>/dev/null
[ -z "$DEEP" ] || hostname
report a pass`,
        /^passed/,
      ],
    ];
    for (const [title, script, expected] of table)
      it(title, async () => {
        const { verdict, text } = await yard.run({ steps: ['./t.sh'] }, { 't.sh': `${HEAD}${script}\n` });
        expect(verdict, text).toMatch(expected);
      });

    it('what is declared to be under test is one, however the text calls it', async () => {
      const files = {
        't.sh':
          '#!/bin/sh\nTOOL=hostname\nfor n in $NAMES; do "$TOOL"; done\nlava-test-case a --result pass\n',
      };
      const plain = await yard.run({ steps: ['./t.sh'] }, files);
      expect(plain.verdict, plain.text).toMatch(/^passed/);
      const declared = await yard.run({ steps: ['./t.sh'] }, files, { underTest: ['hostname'] });
      expect(declared.verdict, declared.text).toMatch(NEVER);
    });
  },
);
