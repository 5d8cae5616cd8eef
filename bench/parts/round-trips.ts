import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { ShellConnection, ShellProcess } from '../../src/ports/shell.js';

/** Counts how often the host was waited for: what is said to it in one go before it answers is one round trip. */
export class CountedConnection {
  roundTrips = 0;
  private waiting = false;

  constructor(private readonly inner: ShellConnection) {}

  get connection(): ShellConnection {
    return {
      ...this.inner,
      ended: this.inner.ended,
      close: () => this.inner.close(),
      start: (c) => this.start(c),
    };
  }

  private async start(command: string): Promise<ShellProcess> {
    this.said();
    const process = await this.inner.start(command);
    return {
      stdin: this.outgoing(process.stdin),
      stdout: this.incoming(process.stdout),
      stderr: this.incoming(process.stderr),
      exit: process.exit,
      abandon: () => process.abandon(),
    };
  }

  private said(): void {
    if (!this.waiting) this.roundTrips++;
    this.waiting = true;
  }

  private outgoing(to: Writable): Writable {
    const through = new PassThrough();
    through.on('data', () => this.said());
    through.pipe(to);
    return through;
  }

  private incoming(from: Readable): Readable {
    const through = new PassThrough();
    from.on('data', () => {
      this.waiting = false;
    });
    return from.pipe(through);
  }
}
