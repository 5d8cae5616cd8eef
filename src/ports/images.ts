/** How a host's root file system is put back; declared per host. */
export type Restore =
  /** A command on the executor's machine, run with TESTYARD_HOST, TESTYARD_IMAGE and TESTYARD_ATTEMPT. */
  { readonly kind: 'command'; readonly command: readonly string[] };

/** What came of putting an image back. */
export type RestoreResult =
  | { readonly ok: true }
  /** `refused`: a higher attempt number was seen (fence); `failed`: with what the command said. */
  | { readonly ok: false; readonly kind: 'refused' | 'failed' | 'timeout'; readonly message: string };

/** Puts images back on hosts. */
export abstract class Images {
  /** Restores `image` on `host`; resolves when the host was seen to be the pristine image again. */
  abstract restore(request: {
    readonly host: string;
    readonly restore: Restore;
    readonly image: string;
    /** Number of the attempt that asks; a lower one than seen before is refused (exit code 211). */
    readonly attempt: string;
    readonly timeoutMs: number;
    readonly onOutput: (bytes: Uint8Array) => void;
  }): Promise<RestoreResult>;
}
