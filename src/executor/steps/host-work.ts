import type { BundledFile } from '../bundle.js';

/** What a step does on its host. */
export interface HostWork {
  readonly script: string;
  /** What it brings along. */
  readonly files?: readonly BundledFile[];
  /** What an exit code tells besides that it failed. */
  readonly told?: (code: number) => Told | undefined;
}

/** What is known of a failure. */
export interface Told {
  readonly why: string;
  /** The resource whose failure it is. */
  readonly resource?: string;
  /** What is asked for cannot be had, says whoever puts it in: to try again changes nothing. */
  readonly refused?: true;
}

/** Where a step keeps on the host what was there before it. */
export function recordOf(step: string): string {
  return `/var/lib/testyard/steps/${step}`;
}
