/** What a text says, or why it says nothing. */
export type Reading<V> =
  | { readonly ok: true; readonly version: V }
  /** `why` continues "'1..2' is no such version: ..." and ends in what would be right. */
  | { readonly ok: false; readonly why: string };

/** How the versions of one scheme are read and ordered. */
export interface Order<V> {
  /** What a version of it is called in messages. */
  readonly name: string;
  /** The text is printable ASCII of 1 to 200 characters, with no space at either end. */
  read(text: string): Reading<V>;
  /** Total: below 0, 0 or above 0. */
  compare(a: V, b: V): number;
  /**
   * How what was seen stands to what is wanted, where a wanted version may say less than a seen one; else `compare`.
   * Along the order of `compare` it goes from below by equal to above, so that an index can search for its bounds.
   */
  against?(seen: V, wanted: V): number;
  /** One spelling of all that compare as equal; without it no two spellings are known to be one. */
  canonical?(version: V): string;
}

/** A text as a message can carry it: short and printable, whatever somebody wrote. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return `'${short.replace(/[^\x20-\x7e]/g, '?')}'`;
}
