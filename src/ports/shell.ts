import type { Readable, Writable } from 'node:stream';
import type { HostTransport } from '../domain/inventory.js';

/** How a host is reached, as it was declared. Secrets are named by path, never held. */
export type Transport = HostTransport;

/** Why a host could not be reached or was lost; each calls for somebody else. */
export type ShellErrorKind =
  /** Nothing answers at the address, or it answers no ssh. */
  | 'unreachable'
  /** The host showed a key that is not pinned. */
  | 'host_key'
  /** The host refused our key or user. */
  | 'authentication'
  /** It did not answer in time. */
  | 'timeout'
  /** The connection was there and ended in the middle. */
  | 'lost'
  /** This machine lacks what the transport needs (bubblewrap, unshare). */
  | 'unsupported';

/** A failure of the way into a host: never a test's. */
export class ShellError extends Error {
  override readonly name = 'ShellError';
  constructor(
    readonly kind: ShellErrorKind,
    message: string,
  ) {
    super(message);
  }
}

/** How a command ended: an exit code, or the name of the signal that killed it. */
export type ShellExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string };

/**
 * A command that runs on a host. `stdout` and `stderr` are bytes and are kept apart; both end before
 * `exit` settles. `exit` rejects with ShellError('lost' | 'timeout') when the connection breaks first.
 */
export interface ShellProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<ShellExit>;
  /** Ends our side at once; what runs on the host is not shown to be dead by that. */
  abandon(): void;
}

/** What a shell is opened for. */
export interface ShellTarget {
  /** The host's name, for messages. */
  readonly host: string;
  readonly transport: Transport;
  /** Which seat of the host works here, from 1: under `local` each has a user of its own. */
  readonly seat: number;
}

/** An open way into one host; commands may run beside each other. */
export interface ShellConnection {
  /**
   * Starts `command` with `/bin/sh -c` on the host. `folder` is the path of a folder at the root, `/lava-7`, that its
   * user is to own; only where the way in makes the root itself, else it is passed over. Rejects with ShellError.
   */
  start(command: string, folder?: string): Promise<ShellProcess>;
  /** Settles, never rejects, when the connection is gone, with the reason (undefined: we closed it). */
  readonly ended: Promise<ShellError | undefined>;
  close(): void;
}

/** The way into hosts. One adapter per transport; no decision and no retry inside. */
export abstract class Shell {
  /** Opens a connection. Rejects with ShellError within `timeoutMs`. */
  abstract connect(target: ShellTarget, timeoutMs: number): Promise<ShellConnection>;
}
