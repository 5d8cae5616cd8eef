import type { ImageSpec } from '../domain/image.js';

/** How a host's root file system is put back; declared per host. */
export type Restore =
  /**
   * A command on the executor's machine, run with TESTYARD_HOST, TESTYARD_IMAGE and TESTYARD_ATTEMPT, and of an image of
   * the catalogue with TESTYARD_IMAGE_PATH.
   */
  { readonly kind: 'command'; readonly command: readonly string[] };

/** What came of putting an image back. */
export type RestoreResult =
  | { readonly ok: true }
  /** `refused`: a higher attempt number was seen (fence); `failed`: with what the command said. */
  | { readonly ok: false; readonly kind: 'refused' | 'failed' | 'timeout'; readonly message: string };

/** Where an image of the catalogue is on this machine, or why it is not. */
export type Prepared =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly message: string };

/** An image that is wanted here. */
export interface Preparing {
  readonly image: ImageSpec;
  /** Its file is kept, for the time when the catalogue has another one in its place. */
  readonly keeps?: boolean;
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
  readonly onOutput: (bytes: Uint8Array) => void;
}

/** Puts images back on hosts. */
export abstract class Images {
  /** Makes an image by its recipe, where that was not done before, or looks whether a file is what it should be. */
  async prepare({ image }: Preparing): Promise<Prepared> {
    return { ok: false, message: `image '${image.name}': this executor keeps no images` };
  }

  /** Restores `image` on `host`; resolves when the host was seen to be the pristine image again. */
  abstract restore(request: {
    readonly host: string;
    readonly restore: Restore;
    readonly image: string;
    /** Where it is on this machine; undefined: the command knows. */
    readonly path?: string;
    /** Number of the attempt that asks; a lower one than seen before is refused (exit code 211). */
    readonly attempt: string;
    readonly timeoutMs: number;
    readonly onOutput: (bytes: Uint8Array) => void;
  }): Promise<RestoreResult>;
}
