import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunLightHosts } from '../../lab.js';
import { WatchedHost } from './a-watched-run.js';

const obstacle = canRunLightHosts();

const REPORTS = `RESULT=./result.txt
report() { echo "$1 $2" | tee -a "$RESULT"; }
`;
const SEND = `[ -f ./result.txt ] || exit 0
while read -r name result value unit; do
  if [ -n "$value" ]; then lava-test-case "$name" --result "$result" --measurement "$value" --units "$unit"
  else lava-test-case "$name" --result "$result"; fi
done <./result.txt
`;
/** Steps as collections write them: the script, and then what tells of its cases. */
const STEPS = ['./t.sh || true', './send.sh'];

describe.skipIf(obstacle)(
  `what is observed${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: WatchedHost;
    beforeAll(async () => {
      yard = await WatchedHost.start();
    });
    afterAll(() => yard?.stop());

    const run = (script: string, steps: readonly string[] = STEPS) =>
      yard.run({ steps }, { 't.sh': `#!/bin/sh\n${REPORTS}${script}`, 'send.sh': `#!/bin/sh\n${SEND}` });

    /** What a script does, and what comes of it. */
    const table: readonly (readonly [string, string, RegExp])[] = [
      ['a healthy test passes', 'ls / | grep -q etc && report a pass || report a fail', /^passed/],
      [
        'a missing command',
        'iperf3 -c x && report a pass || report a fail',
        /^could_not_run: cases a for want of the command iperf3 \(needs cmd:iperf3\)$/,
      ],
      [
        'one whose message goes nowhere',
        'iperf3 -c x 2>/dev/null && report a pass || report a fail',
        /needs cmd:iperf3/,
      ],
      [
        'one whose message goes into a log',
        'iperf3 -c x >log 2>&1\ngrep -q bps log && report a pass || report a fail',
        /needs cmd:iperf3/,
      ],
      [
        'one whose interpreter is gone, and whose message goes into a log before it is seen',
        `printf '#!/opt/gone/interpreter\n' >/usr/local/bin/wavegone; chmod 755 /usr/local/bin/wavegone
bash -c 'wavegone write' >log 2>&1 && report a pass || report a fail
bash -c 'wavegone read' && report b pass || report b fail`,
        /^could_not_run: cases a, b for want of the command \/opt\/gone\/interpreter/,
      ],
      [
        'one whose message goes into a variable',
        'x=$(iperf3 -c x 2>&1)\n[ "$x" = ok ] && report a pass || report a fail',
        /needs cmd:iperf3/,
      ],
      [
        'an optional one that is asked for, and a true red',
        'command -v lshw && lshw\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'one without which it goes on, and a true red',
        'lshw || true\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'one of which nobody sees a thing, and a true red',
        'lshw >/dev/null 2>&1\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'one that is asked for and must be there',
        'command -v iperf3 || { report a fail; exit 1; }',
        /needs cmd:iperf3/,
      ],
      ['what is only printed is none', 'echo "t.sh: 3: iperf3: not found"; report a fail', /^failed/],
      [
        'what a tool says of one that is there is none',
        'echo "sh: 1: grep: not found" >&2; report a fail',
        /^failed/,
      ],
      ['127 of its own is red', 'report a pass\nexit 127', /^passed/],
      [
        'a red, then a lack',
        'report a fail\niperf3 && report b pass || report b fail',
        /^failed: failed cases: a \(/,
      ],
      ['noise before a pass, then a red', 'lshw\nreport a pass\nreport b fail', /^failed: failed cases: b/],
      [
        'a device',
        'dd if=/dev/nothing0 of=/dev/null && report a pass || report a fail',
        /^could_not_run: .*\/dev\/nothing0/,
      ],
      ['a module', 'modprobe nothing_such && report a pass || report a fail', /^could_not_run/],
      ...(existsSync('/sys/class/rtc/rtc0')
        ? []
        : ([
            [
              'a lister of what this host has none of',
              'report z pass\nrtcwake -m show && report a pass || report a fail',
              /^could_not_run: cases a for want of \/sys\/class\/rtc/,
            ],
            [
              'a lister that is asked for its version, and a true red',
              'rtcwake --version\nreport a fail',
              /^failed: failed cases: a/,
            ],
            [
              'a lister whose failure changes nothing, and a true red',
              'rtcwake -m show || true\nreport a fail',
              /^failed: failed cases: a/,
            ],
            [
              'a lister before a case that passed, and a true red',
              'rtcwake -m show\nreport a pass\nrtcwake -m show\nreport b fail',
              /^failed: failed cases: b/,
            ],
          ] as const)),
      [
        'a package',
        'apt-get install -y nothing-such-package || report a fail',
        /^could_not_run: .*nothing-such-package/,
      ],
      [
        'of several packages the one that nobody has',
        'apt-get install -y nothing-such-package coreutils || report a fail',
        /^could_not_run: cases a for want of the package nothing-such-package \(/,
      ],
      [
        'an optional one in a block of its own, and a true red',
        'if command -v lshw >/dev/null; then\n  lshw\nfi\nreport a fail',
        /^failed: failed cases: a/,
      ],
      ['no case, though a script reports some', 'exit 0', /^tested_nothing: .*no case reported, and its/],
      [
        'no case for want of a command',
        'iperf3 || exit 1\nreport a pass',
        /^could_not_run: no case reported, for want of the command iperf3/,
      ],
      [
        'a package that is there',
        'apt-get install -y coreutils || true\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'how it ends is looked at a line later',
        'verdict() { if [ $? = 0 ]; then report "$1" pass; else report "$1" fail; fi; }\niperf3 2>/dev/null\nverdict a',
        /needs cmd:iperf3/,
      ],
      [
        'a device of which only the text speaks',
        'DEVICE=/dev/nothing0\ntest -c "$DEVICE" && report a pass || report a fail',
        /^could_not_run: .*\/dev\/nothing0/,
      ],
      [
        'lists of packages that cannot be fetched, where that is the end of it',
        'echo "deb [trusted=yes] http://203.0.113.1:9/x ./" >/etc/apt/sources.list.d/none.list\nset -e\napt-get update -q -o Acquire::Retries=0\nreport a pass',
        /^could_not_run: .*203\.0\.113\.1/,
      ],
      [
        'and where it is not',
        'apt-get update -q -o Acquire::Retries=0\nrm /etc/apt/sources.list.d/none.list\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'a case that passes because a command is missing, and one that fails for that',
        'apt-get install -y coreutils >/dev/null\nif fio a; then report a pass; else report a fail; fi\nif fio bad; then report b fail; else report b pass; fi\ngrep -q bad said && report c pass || report c fail',
        /^could_not_run: cases a, c for want of the command fio/,
      ],
      [
        'a program whose interpreter is gone',
        `mkdir tools; printf '#!/opt/gone/interpreter\\n' >tools/calcx; chmod 755 tools/calcx; PATH=$PATH:$PWD/tools
cp tools/calcx /usr/local/bin/calcx
calcx 1 && report a pass || report a fail`,
        /^could_not_run: .*needs cmd:interpreter/,
      ],
      [
        'one that is called for each of many cases',
        'for n in $(seq 60); do\n  x=$(iperf3 $n 2>/dev/null; iperf3 $n 2>/dev/null; iperf3 2>/dev/null)\n  [ "$x" = 1 ] && report "a$n" pass || report "a$n" fail\ndone',
        /^could_not_run: cases a1, a2, a3, a4, a5 and 55 more for want of the command iperf3/,
      ],
      [
        'and 127 of one that can be started is red',
        `printf '#!/bin/sh\\necho "t.sh: 9: calcx: not found" >&2; exit 127\\n' >/usr/local/bin/calcx; chmod 755 /usr/local/bin/calcx
calcx 1 && report a pass || report a fail`,
        /^failed: failed cases: a/,
      ],
      [
        'a node with one',
        'DEVICE=/dev/null\nhead -c 1 "$DEVICE" | grep -q . && report a pass || report a fail',
        /^failed: failed cases: a/,
      ],
      [
        'two empty files whose difference is only shown',
        ': | tee a >b\nshow() {\n  diff -u a b\n  # as it was\n  ls / >/dev/null\n}\nshow\nreport a pass',
        /^passed/,
      ],
      [
        'and two by which it goes',
        'sort </dev/null >a; sort </dev/null >b\ndiff a b\n[ $? = 0 ] && report a pass || report a fail',
        /^tested_nothing: exit 0, but both sides of 'diff a b' were empty/,
      ],
      [
        'a network interface',
        'NIC=eth77\nip link show "$NIC" up >/dev/null || echo "Device \\"$NIC\\" does not exist." >&2\nreport a fail',
        /^could_not_run: .*\/sys\/class\/net\/eth77/,
      ],
      [
        'one that is there is no reason',
        'NIC=lo\necho "Device \\"$NIC\\" does not exist." >&2\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'one of which the text says nothing',
        'n=77; echo "Device \\"eth$n\\" does not exist." >&2\nreport a fail',
        /^failed: failed cases: a/,
      ],
      [
        'systemd',
        `printf '#!/bin/sh\\necho "System has not been booted with systemd as init system (PID 1). Can%st operate." >&2; exit 1\\n' "'" >/usr/local/bin/systemctl
chmod 755 /usr/local/bin/systemctl
systemctl restart nginx && report a pass || report a fail`,
        /^could_not_run: cases a for want of systemd as the first process \(needs systemd\)/,
      ],
      [
        'what belongs to the kernel and is not there',
        'for m in $(cat "/lib/modules/$(uname -r)/modules.nothing"); do :; done\nreport a fail',
        /^could_not_run: .*modules.nothing/,
      ],
      [
        'what a tool of the host looks for itself, and a true red',
        'cp "$(command -v perl)" /usr/local/bin/tool; tool -e \'system("iperf3", "-c"); exit 1\' && report a pass || report a fail\n[ -z "$DEEP" ] || iperf3',
        /^failed: failed cases: a/,
      ],
      [
        'a download',
        'curl -f http://nothing.invalid/x >y 2>/dev/null || wget http://nothing.invalid/x || report a fail',
        /^could_not_run/,
      ],
    ];
    it('an interpreter that a script beside it asks for', async () => {
      const says = '#!/bin/sh\n./tool && lava-test-case a --result pass || lava-test-case a --result fail\n';
      const files = { 't.sh': says, tool: '#!/usr/bin/env nopython9\n' };
      const { verdict, text } = await yard.run({ steps: ['./t.sh'] }, files);
      expect(verdict, text).toMatch(/^could_not_run: .*needs cmd:nopython9/);
    });
    for (const [title, script, expected] of table)
      it(title, async () => {
        const { verdict, text, observed, cases } = await run(script);
        expect(verdict, `${text}\n${JSON.stringify(observed)}\n${JSON.stringify(cases)}`).toMatch(expected);
      });
  },
);
