import { describe, expect, it } from 'vitest';
import { underWay } from '../../../src/executor/observe/under-way.js';

/** Lines as the host tells them: `7 <1 /usr/bin/git: git clone x`. */
const told = (lines: readonly string[]) =>
  lines.map((line) => {
    const [, pid, parent, exe, args = ''] = /^([0-9]+) <([0-9]+) (\S+): (.*)$/.exec(line) ?? [];
    return pid === undefined
      ? line
      : ['process', pid, parent, exe, args.split(' ').join('\u0001')].join('\t');
  });
const SHELL = ['5 <1 /usr/bin/dash: /bin/sh test', '6 <5 /usr/bin/dash: sh ./t.sh'];
const GIT = '7 <6 /usr/bin/git: git clone https://example.org/x.git';
const FETCHED = { of: 'fetch', from: 'https://example.org/x.git' };

describe('what a phase waits for when its time is over', () => {
  const table: readonly (readonly [string, readonly string[], object | undefined])[] = [
    ['a clone', [GIT, '8 <7 /usr/lib/git-core/git-remote-http: git remote-https x'], FETCHED],
    ['whose output goes on', [GIT, '8 <6 /usr/bin/tee: tee log'], FETCHED],
    [
      'in a side of a pipe of shells',
      [GIT, '8 <6 /usr/bin/dash: sh ./t.sh', '9 <8 /usr/bin/mawk: awk x'],
      FETCHED,
    ],
    ['beside a tool', [GIT, '8 <6 /usr/bin/fio: fio --all'], undefined],
    [
      'beside a tool that is a script',
      [GIT, '8 <6 /usr/bin/dash: /bin/sh /usr/bin/calcx', '9 <8 /usr/bin/sleep: sleep 9'],
      undefined,
    ],
    ['within a program', ['7 <6 /usr/bin/fio: fio', GIT.replace('7 <6', '8 <7')], undefined],
    ['within what starts others', ['7 <6 /usr/bin/timeout: timeout 9', GIT.replace('7 <6', '8 <7')], FETCHED],
    [
      'within a tool that is a script, and waits for it',
      [
        '7 <6 /usr/bin/dash: /bin/sh /usr/bin/calcx',
        '8 <7 /usr/bin/git: git clone https://example.org/x.git',
      ],
      undefined,
    ],
    [
      'a script by the name of a tool',
      [
        '7 <6 /usr/bin/dash: /bin/sh /usr/bin/git clone https://example.org/x.git',
        '8 <7 /usr/bin/sleep: sleep 99',
      ],
      undefined,
    ],
    ['another use of it', ['7 <6 /usr/bin/git: git gc'], undefined],
    [
      'a fetch of what is not named',
      ['7 <6 /usr/bin/git: git submodule update'],
      { of: 'fetch', from: 'the remote of git submodule' },
    ],
    [
      'apt behind its stand-in',
      [
        '7 <6 /usr/bin/dash: /bin/sh /tmp/x/bin/apt-get install -y fio',
        '8 <7 /usr/bin/apt-get: apt-get install -y fio',
        '9 <8 /usr/lib/apt/methods/http: http',
      ],
      { of: 'install', manager: 'apt-get', names: ['fio'] },
    ],
    [
      'lists of packages',
      ['7 <6 /usr/bin/apt-get: apt-get -q update'],
      { of: 'refresh', manager: 'apt-get' },
    ],
    [
      'dpkg',
      ['7 <6 /usr/bin/dpkg: dpkg -i ./fio_3.1_amd64.deb'],
      { of: 'install', manager: 'dpkg', names: ['fio'] },
    ],
    [
      'pip',
      ['7 <6 /usr/bin/python3.11: /usr/bin/python3 /usr/bin/pip3 install lxml'],
      { of: 'install', manager: 'pip3', names: ['lxml'] },
    ],
    [
      'busybox',
      ['7 <6 /bin/busybox: wget http://example.org/x'],
      { of: 'fetch', from: 'http://example.org/x' },
    ],
    ['this host itself', ['7 <6 /usr/bin/curl: curl http://localhost:80/x'], undefined],
    ['by its address', ['7 <6 /usr/bin/curl: curl http://10.1.1.2:80/x', 'own\t10.1.1.2'], undefined],
    ['by its name', ['7 <6 /usr/bin/curl: curl http://board/x', 'own\tboard'], undefined],
    ['nothing', [], undefined],
  ];
  for (const [title, lines, expected] of table)
    it(title, () => expect(underWay(told([...SHELL, ...lines]))).toEqual(expected));
});
