import type { FileProblem, Source } from './yaml-source.js';

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^PuTTY-User-Key-File-/m;
/** Tokens that say themselves what they are, and passwords within addresses. */
const TOKEN =
  /\b(?:ty_[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{20,}|AKIA[A-Z0-9]{16})\b|\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']+:[^\s/@"'$]+@/;
const SECRET_KEY = /^(?:pass(?:word|wd|phrase)?|secret|(?:api_?|access_?|private_?)key|token|credentials?)$/i;

/** Values that are secrets themselves: an inventory is read by many, and says only where secrets are. */
export function secretsIn(root: Source): readonly FileProblem[] {
  const found: FileProblem[] = [];
  const open: Source[] = [root];
  for (let next = open.pop(); next !== undefined && found.length < 20; next = open.pop()) {
    const wrong = (at: { line: number; column: number }, what: string, instead: string) =>
      found.push({ ...at, message: `${what}: an inventory says only where secrets are, ${instead}` });
    if (next.kind === 'list') open.push(...next.items);
    else if (next.kind === 'text') {
      if (PRIVATE_KEY.test(next.text))
        wrong(
          next.at,
          'this is a private key',
          "and 'key_file' is the path of one on the executor's machine",
        );
      else if (TOKEN.test(next.text))
        wrong(next.at, 'this looks like a password or token', '{env: NAME} or {file: PATH}');
    } else
      for (const { key, value } of next.entries) {
        if (SECRET_KEY.test(key) && value.kind === 'text' && value.text !== '')
          wrong(value.at, `'${key}' holds a secret`, '{env: NAME} or {file: PATH}');
        open.push(value);
      }
  }
  return found;
}
