import { createHash } from 'node:crypto';

/** A test of a campaign, with the verdict that is right for it. */
export interface Trial {
  readonly name: string;
  readonly right: 'passed' | 'failed';
  readonly file: { readonly name: string; readonly content: string };
}

/**
 * The `n`th test of a campaign: some fail by exit code, some by a case; some have a setup, a teardown, a chain;
 * some leave processes behind. Each takes a lock of its seat that dies only with all of its processes, and says
 * so (exit 55) where somebody else has it.
 */
export function trial(n: number, roll: () => number, seconds: number): Trial {
  const fails = n % 5 === 0;
  const byCase = roll() < 0.4;
  const around = roll() < 0.5;
  const needs = roll();
  const chain = needs < 0.4;
  // Of three steps: an image, what is installed on it, what was built with that.
  const long = needs < 0.12;
  const leaves = roll() < 0.4;
  const name = `${fails ? 'bad' : 'good'}-${n}-${createHash('sha256').update(`${n}`).digest('hex').slice(0, 4)}`;
  const script = [
    '#!/bin/sh',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    'exec 9>"/var/tmp/ty-lock-${TESTYARD_SEAT:-none}"',
    'flock -n 9 || { echo HOST-SHARED; echo "$TESTYARD_SEAT" >>/var/tmp/ty-shared; exit 55; }',
    ...(leaves
      ? ['(setsid sleep 1000 >/dev/null 2>&1 &)', '(env -i setsid sleep 1000 >/dev/null 2>&1 &)']
      : []),
    ...(long ? ['cmp /opt/tool /opt/built || { echo STALE-CHAIN; exit 56; }'] : []),
    'echo started',
    `sleep ${(seconds * (0.5 + roll())).toFixed(2)}`,
    ...(byCase ? [`testyard-case outcome ${fails ? 'fail' : 'pass'}`] : []),
    'echo ended',
    fails && !byCase ? 'exit 3' : 'exit 0',
  ];
  const block = (text: readonly string[]) => text.map((line) => `  ${line}`).join('\n');
  const yaml = [
    'testyard: 1',
    `name: ${name}`,
    'owner: qe@example.org',
    'timeout: 120s',
    'dirties: use',
    ...(chain ? [`requires: [${long ? 'built' : 'prepared'}]`] : []),
    ...(around ? ['setup: sleep 0.5', 'teardown: sleep 0.4'] : []),
    'run: |',
    block(script),
    '',
  ].join('\n');
  return {
    name,
    right: fails ? 'failed' : 'passed',
    file: { name: `${name}.yaml`, content: Buffer.from(yaml).toString('base64') },
  };
}
