import { describe, expect, it } from 'vitest';
import { signatureOf } from '../../src/domain/recover/signature.js';

describe('what is the same of two errors', () => {
  it.each([
    ['connect to 10.0.0.7:22 failed after 3 s', 'connect to ADDRESS failed after N s'],
    ['connect to fe80::1 failed', 'connect to ADDRESS failed'],
    ['no space on /dev/sda1', 'no space on PATH'],
    ['link of 52:54:00:12:34:56 is down', 'link of MAC is down'],
    ['commit deadbeef01 is bad', 'commit HEX is bad'],
    ['2026-01-31T14:00:00.123Z mirror gone', 'TIME mirror gone'],
    ['at 14:00:07 it went', 'at TIME it went'],
    ['disk 01234567-89ab-cdef-0123-456789abcdef is full', 'disk UUID is full'],
    ['std::bad_alloc', 'std::bad_alloc'],
    ['  two\n lines ', 'two lines'],
  ])('of %j it is %j', (text, signature) => {
    expect(signatureOf(text)).toBe(signature);
    expect(signatureOf(signature)).toBe(signature);
    expect(signatureOf(text.repeat(100)).length).toBeLessThanOrEqual(200);
  });
});
