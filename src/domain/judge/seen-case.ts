/** A case as the test reported it. */
export interface SeenCase {
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'skip' | 'unknown';
  readonly measurement?: { readonly raw: string; readonly unit?: string };
  /** Where in the output it was told, in bytes; undefined: not known. */
  readonly at?: number;
}
