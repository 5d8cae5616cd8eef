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

  verdictOf(submission: string): Promise<number> {
    return this.firstTime(
      'verdict',
      'SELECT verdict IS NOT NULL AS so FROM run WHERE submission_id = $1',
      submission,
    );
  }

  /** When the seat of a judged run could be given to another. */
  freeAfter(submission: string): Promise<number> {
    return this.firstTime(
      'free',
      `SELECT NOT EXISTS (SELECT FROM host_seat s JOIN run r ON r.id = s.run_id WHERE r.submission_id = $1) AS so`,
      submission,
    );
  }

  private async firstTime(name: string, text: string, submission: string): Promise<number> {
    for (;;) {
      this.notified = false;
      const { rows } = await this.client.query<{ so: boolean }>({ name, text, values: [submission] });
      const at = performance.now();
      if (rows[0]?.so) return at;
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
