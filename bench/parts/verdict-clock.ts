import pg from 'pg';

/** Tells when a verdict could be read by somebody else: looked for at each notification, timed after the look. */
export class VerdictClock {
  private wake: () => void = () => {};
  private notified = false;

  private constructor(private readonly client: pg.Client) {
    client.on('notification', () => {
      this.notified = true;
      this.wake();
    });
  }

  static async open(url: string): Promise<VerdictClock> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('LISTEN testyard_history');
    return new VerdictClock(client);
  }

  async verdictOf(submission: string): Promise<number> {
    for (;;) {
      this.notified = false;
      const { rows } = await this.client.query<{ verdict: string | null }>({
        name: 'verdict',
        text: 'SELECT verdict FROM run WHERE submission_id = $1',
        values: [submission],
      });
      const at = performance.now();
      if (rows[0]?.verdict) return at;
      if (!this.notified) await new Promise<void>((resolve) => this.wait(resolve));
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  private wait(resolve: () => void): void {
    const timer = setTimeout(resolve, 1000);
    this.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  }
}
