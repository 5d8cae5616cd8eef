/** What an id names; the letter it is shown with. */
const LETTERS = {
  run: 'r',
  attempt: 'a',
  host: 'h',
  incident: 'i',
  submission: 's',
  token: 't',
  executor: 'x',
  lease: 'l',
  project: 'p',
  reservation: 'v',
  known: 'k',
  change: 'c',
  intake: 'n',
  search: 'q',
  accusation: 'u',
} as const;

/** A kind of thing that has an id. */
export type IdKind = keyof typeof LETTERS;

/** A 64-bit id as decimal digits; JavaScript numbers would lose the upper ones. */
export type Id = string;

/** `showId('run', '123')` is `r123`. */
export function showId(kind: IdKind, id: Id): string {
  return `${LETTERS[kind]}${id}`;
}

/** The digits of `r123`, or undefined where `text` is no id of that kind or exceeds 64 bits. */
export function readId(kind: IdKind, text: string): Id | undefined {
  if (text[0] !== LETTERS[kind] || !/^[1-9][0-9]{0,18}$/.test(text.slice(1))) return undefined;
  const id = text.slice(1);
  return BigInt(id) <= 9_223_372_036_854_775_807n ? id : undefined;
}
