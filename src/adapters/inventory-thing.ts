import type { Fields } from './source-fields.js';
import type { FileProblem, Position } from './yaml-source.js';

/** The files of an inventory, by their path within its folder (`hosts/lab1.yaml`). */
export type InventoryFiles = ReadonlyMap<string, Uint8Array>;

/** A mistake in the inventory; `file` is relative to its folder. */
export interface InventoryProblem extends FileProblem {
  readonly file: string;
}

/** What is said below one name in a file, not understood yet. */
export interface Thing {
  readonly name: string;
  readonly fields: Fields;
  readonly file: string;
  /** Where its name stands. */
  readonly at: Position;
}
