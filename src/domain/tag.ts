/** A known tag, as the catalogue has it. Only flags so far: a tag is there or not. */
export interface TagSpec {
  readonly name: string;
  readonly meaning: string;
  readonly owner?: string;
  readonly kind: 'flag';
  /**
   * Shell text that exits 0 where the tag is present and 1 where it is absent; anything else, or running
   * out of time, is a probe that did not work. Without one, what is declared counts.
   */
  readonly probe?: string;
}
