import { createHash } from 'node:crypto';

/** SHA-256 of a value's canonical JSON (keys in order), as 32 hex digits: equal values, equal digests. */
export function digestOf(value: unknown): string {
  return digestOfText(canonicalJson(value));
}

/** The digest of a value whose canonical JSON this is. */
export function digestOfText(canonical: string): string {
  return createHash('sha256').update(canonical).digest('hex').slice(0, 32);
}

/** JSON with the keys of every object in order and undefined ones left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
