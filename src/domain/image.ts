import { digestOf } from './digest.js';

/** A reference image of the catalogue. */
export interface ImageSpec {
  readonly name: string;
  readonly meaning: string;
  readonly owner?: string;
  /** What holds on a host that it was put on; each `tag` or `tag = value` in canonical spelling. */
  readonly tags: readonly string[];
  readonly source: ImageSource;
}

/** Where an image comes from. */
export type ImageSource =
  /** A file that is there on the executor's machine, and the SHA-256 of its bytes. */
  | { readonly kind: 'file'; readonly path: string; readonly digest: string }
  /** Made on the executor's machine by shell text, which leaves it at `$TESTYARD_OUT`. */
  | {
      readonly kind: 'recipe';
      readonly recipe: string;
      /** The image that it begins with, found at `$TESTYARD_BASE`. */
      readonly base?: ImageSpec;
      readonly timeoutMs: number;
    };

/** By what two states of an image are told apart: a file's bytes; of a recipe its text, with all that it stands on. */
export function imageVersion({ source, tags }: ImageSpec): string {
  return source.kind === 'file' ? source.digest : digestOf({ source, tags });
}
