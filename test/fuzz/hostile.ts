/** Where a shell that took a text for a command would leave its mark. */
export const CANARY = '/tmp/testyard-fuzz-canary';

/** Texts that a shell, ssh, a path, a terminal, JavaScript or SQL could take for something else. */
export const HOSTILE_TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'x\udfffy',
    '\u001b[2J',
    '\r\n',
    '\u202eabc',
    '\ufeff',
    '💥',
    'é'.repeat(150),
  ],
  ...[
    `$(touch ${CANARY})`,
    `\`touch ${CANARY}\``,
    `; touch ${CANARY}`,
    `' ; touch ${CANARY} #`,
    `" && touch ${CANARY}`,
  ],
  ...[
    `| tee ${CANARY}`,
    `-oProxyCommand=touch ${CANARY}`,
    `x\ntouch ${CANARY}\n`,
    '$HOME',
    '~root/x',
    '*',
    '%s%n%n',
  ],
  ...[
    '../../../etc/passwd',
    '/dev/zero',
    'a/../../b',
    '..',
    'C:\\x',
    "'; DROP TABLE run; --",
    '{"a":1}',
    '[]',
    'null',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'true',
    '1e999',
    '0x7f',
    '-0',
    'NaN',
    '6.10',
    '9'.repeat(19),
    '9'.repeat(400),
  ],
  ...['r9223372036854775808', 'r0', 'h1', 'r1', 'start', '00000000-0000-0000-0000-000000000000.1.1'],
  ...[
    '2026-13-45T99:99:99Z',
    'http://[',
    'javascript:alert(1)',
    'file:///etc/passwd',
    '?a=b&c',
    '#',
    '%00',
    '%zz',
  ],
  'x'.repeat(101),
  'x'.repeat(100_000),
  '(((('.repeat(2000),
];

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

/** Values of every type, in place of any other. */
export const HOSTILE_VALUES: readonly unknown[] = [
  ...HOSTILE_TEXTS,
  ...[null, true, false, 0, -1, 1, 0.5, -0.0001, 2 ** 31, 2 ** 53, -(2 ** 53), 1e18, 1e300, -1e300, 5e-324],
  ...[
    [],
    [[]],
    [null],
    {},
    { a: 1 },
    { '': '' },
    { constructor: { prototype: { polluted: true } } },
    { $ne: null },
  ],
  ...[{ 'a\0': 'b' }, { '\ud800': 'b' }, deep(39), deep(60), Array(2000).fill(''), Array(11_000).fill('x')],
  Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`K${i}`, 'v'])),
];
