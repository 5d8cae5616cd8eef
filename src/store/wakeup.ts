import pg from 'pg';
import type { Channel } from './store.js';

/**
 * Listens for wake-ups on a connection of its own and reconnects for ever. A wake-up says only that it is
 * worth looking; after every (re)connection all listeners are woken, since some may have been missed.
 */
export class Wakeup {
  private readonly listeners = new Map<Channel, Set<() => void>>();
  private client: pg.Client | undefined;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;

  constructor(private readonly url: string) {}

  /** Connects in the background; resolves after the first try, whether it worked or not. */
  async start(): Promise<void> {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.url,
      application_name: 'testyard wakeup',
      keepAlive: true,
    });
    const again = () => {
      client.removeAllListeners('end');
      if (this.client === client) this.client = undefined;
      if (this.closed || this.retry !== undefined) return;
      this.retry = setTimeout(() => {
        this.retry = undefined;
        void this.start();
      }, 250);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ channel }) => this.fire(channel as Channel));
    try {
      await client.connect();
      await client.query('LISTEN testyard_scheduler; LISTEN testyard_executors; LISTEN testyard_history');
      this.client = client;
      for (const channel of this.listeners.keys()) this.fire(channel);
    } catch {
      client.end().catch(() => undefined);
      again();
    }
  }

  /** Calls `wake` whenever the channel is notified; gives back how to stop that. */
  on(channel: Channel, wake: () => void): () => void {
    const set = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, set.add(wake));
    return () => set.delete(wake);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    await this.client?.end().catch(() => undefined);
  }

  private fire(channel: Channel): void {
    for (const wake of [...(this.listeners.get(channel) ?? [])]) wake();
  }
}
