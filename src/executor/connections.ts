import { type Shell, type ShellConnection, ShellError, type ShellTarget } from '../ports/shell.js';
import type { Timing } from './timing.js';

/** A seat of a host, as connections are kept for it. */
export interface Seat extends ShellTarget {
  readonly hostId: string;
}

/**
 * Connections that stay open between attempts: one for each seat, used by one attempt at a time. One that broke
 * is dropped, one that nobody used for a while is closed.
 */
export class Connections {
  private readonly open = new Map<
    string,
    { readonly connection: ShellConnection; cancelIdle?: () => void }
  >();
  /** All that live, those too that a later attempt on the same seat has taken the place of. */
  private readonly living = new Set<ShellConnection>();

  constructor(
    private readonly shell: Shell,
    private readonly timing: Timing,
    private readonly idleMs: number,
  ) {}

  /** A connection to the seat; `reused` where it was there before, so that it may have died unseen. */
  async take(
    seat: Seat,
    timeoutMs: number,
  ): Promise<{ readonly connection: ShellConnection; readonly reused: boolean }> {
    const key = keyOf(seat);
    const kept = this.open.get(key);
    if (kept) {
      kept.cancelIdle?.();
      delete kept.cancelIdle;
      return { connection: kept.connection, reused: true };
    }
    const connection = await this.shell.connect(seat, timeoutMs);
    this.open.set(key, { connection });
    this.living.add(connection);
    connection.ended.then(() => {
      this.living.delete(connection);
      if (this.open.get(key)?.connection === connection) this.forget(key);
    });
    return { connection, reused: false };
  }

  /** The attempt needs it no more. */
  release(seat: Seat): void {
    const key = keyOf(seat);
    const kept = this.open.get(key);
    if (!kept) return;
    kept.cancelIdle?.();
    kept.cancelIdle = this.timing.after(this.idleMs, () => this.drop(seat));
  }

  /** A connection is of no more use: this one, and not what a later attempt has opened since; else the kept one. */
  drop(seat: Seat, which?: ShellConnection): void {
    const key = keyOf(seat);
    const kept = this.open.get(key)?.connection;
    if (which === undefined || which === kept) this.forget(key);
    (which ?? kept)?.close();
  }

  closeAll(): void {
    for (const key of [...this.open.keys()]) this.forget(key);
    for (const connection of [...this.living]) connection.close();
  }

  private forget(key: string): void {
    this.open.get(key)?.cancelIdle?.();
    this.open.delete(key);
  }
}

function keyOf(seat: Seat): string {
  return JSON.stringify([seat.hostId, seat.seat, seat.transport]);
}

/** Hands each target to the shell of its transport. */
export function shellFor(kind: (kind: ShellTarget['transport']['kind']) => Shell | undefined): Shell {
  return {
    connect: (target, timeoutMs) => {
      const shell = kind(target.transport.kind);
      if (shell) return shell.connect(target, timeoutMs);
      const message = `${target.host}: this executor has no way for transport '${target.transport.kind}'`;
      return Promise.reject(new ShellError('unsupported', message));
    },
  };
}
