import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { suggestion } from '../../src/domain/report/suggestion.js';

it('what a test lacked becomes requirements, a step and entries of the catalogue, each once', () => {
  const text = suggestion('net/Throughput 2', [
    { kind: 'package', names: ['iperf3'], manager: 'apt-get', why: 'unreachable' },
    { kind: 'command', name: 'iperf3' },
    { kind: 'command', name: 'iperf3' },
    { kind: 'module', name: 'nbd' },
    { kind: 'device', path: '/dev/hwrng' },
    { kind: 'places', call: 'lava-sync' },
  ]);
  expect(text).toContain('# No tag helps with several places');
  expect(parse(text)).toEqual({
    requires: ['pkg:iperf3', 'cmd:iperf3', 'module:nbd', 'path:dev.hwrng'],
    steps: {
      'packages-of-net-throughput-2': {
        layer: 'packages',
        owner: 'admin',
        needs: ['root'],
        gives: ['pkg:iperf3', 'cmd:iperf3'],
        script: 'apt-get update -q\nDEBIAN_FRONTEND=noninteractive apt-get install -q -y iperf3\n',
        undo: 'DEBIAN_FRONTEND=noninteractive apt-get purge -q -y iperf3\n',
      },
    },
    tags: {
      'pkg:iperf3': {
        meaning: 'The package iperf3 is installed.',
        probe: 'dpkg -s iperf3 >/dev/null 2>&1 || exit 1',
      },
      'path:dev.hwrng': { meaning: 'There is /dev/hwrng.', probe: "[ -e '/dev/hwrng' ] || exit 1" },
    },
  });
});

it('what a standard tag says needs no entry and no step', () => {
  expect(suggestion('t', [{ kind: 'permission', what: 'load modules' }])).toBe(
    '# t lacked the permission to load modules.\nrequires:\n  - root\n',
  );
});
