import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failureSignature, type RedTrace, readSignature } from '../../src/domain/judge/failure-signature.js';

const failed = (name: string, message = '') => ({ name, message, result: 'fail' as const });
const red = (more: Partial<RedTrace>): RedTrace => ({ cases: [], tail: '', reason: 'exit 1', ...more });

describe('the signature of a failure', () => {
  it.each<[string, Partial<RedTrace>, string]>([
    ['nothing but an exit', {}, '{} exit N'],
    ['the last line', { tail: 'one\ntwo 17\n\n' }, '{} two N'],
    [
      'the last line that speaks of something wrong',
      { tail: 'error: no disk 3\nERROR: /dev/sda1 at 0x7f00ff11\ncleaning up\n' },
      '{} ERROR: PATH at HEX',
    ],
    [
      'what the failed case said',
      { cases: [failed('a', 'got 3, wanted 4')], tail: '' },
      '{a} got N, wanted N',
    ],
    [
      'the output before what the case said',
      { cases: [failed('a', 'got 3')], tail: 'assertion failed: x\n' },
      '{a} assertion failed: x',
    ],
    [
      'failed cases by name, sorted, once, as they are',
      {
        cases: [failed('t12'), failed('t2'), { name: 'ok', result: 'pass', message: '' }, failed('t12')],
        reason: 'failed cases: t12, t2 (exit 0)',
      },
      '{t12, t2} failed cases: tN, tN (exit N)',
    ],
    [
      'what did not end by itself',
      { tail: 'error: x\n', reason: 'timed out after 5 s' },
      '{} timed out after N s',
    ],
    ['a crash', { reason: 'crashed: boot id changed' }, '{} crashed: boot id changed'],
    [
      'the test alone, whatever was printed while its host was brought to what it needs',
      { tail: '[testyard: step updates]\nE: error 404\n[testyard: test]\nall bad\n' },
      '{} all bad',
    ],
    [
      'the verdict, where only the chain has printed anything',
      { tail: 'error: no disk[testyard: test]\n' },
      '{} exit N',
    ],
    ['colours and control characters', { tail: '\u001b[31merror:\u001b[0m \u0007bad\r\n' }, '{} error: bad'],
    ['names that would break its form', { cases: [failed('a, {b}')] }, '{a_ _b_} exit N'],
  ])('is of %s', (_, trace, signature) => {
    expect(failureSignature(red(trace))).toBe(signature);
  });

  it('is the same for other numbers, addresses and paths, and another for another case', () => {
    const of = (n: number, name: string) =>
      failureSignature(
        red({ cases: [failed(name)], tail: `error ${n} in /tmp/x${n}/y from 10.0.0.${n}:80\n` }),
      );
    expect(of(3, 't1')).toBe(of(77, 't1'));
    expect(of(3, 't1')).not.toBe(of(3, 't2'));
  });

  it('can be copied: read back it is itself, whatever was printed', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom('http://a/b 1', '{a} b', '//'),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 14 }), text, text, (names, tail, reason) => {
        const signature = failureSignature({ cases: names.map((name) => failed(name)), tail, reason });
        if (signature === '{}') return;
        expect(readSignature(signature)).toBe(signature);
        expect(signature).not.toMatch(/[\p{Cc}\p{Cs}]/u);
        expect(signature.length).toBeLessThan(1200);
      }),
    );
  });

  it('of a pasted error line is that of a red that ended with it', () => {
    const line = 'ERROR: cannot open /dev/kvm (errno 13)';
    expect(readSignature(`  ${line}\n`)).toBe(failureSignature(red({ tail: `${line}\n` })));
    expect(readSignature('{a, b}')).toBe('{a, b}');
    expect(readSignature('{} ')).toBeUndefined();
    expect(readSignature(' \n')).toBeUndefined();
  });
});
