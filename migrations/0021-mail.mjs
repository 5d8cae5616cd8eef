/** How people are told, the outbox of what they are to be told, and when idle hosts are looked at. */
const statements = [
  `ALTER TABLE grid ADD COLUMN people jsonb NOT NULL DEFAULT '{}'`,
  `ALTER TABLE grid ADD COLUMN mail jsonb NOT NULL DEFAULT '{}'`,
  `ALTER TABLE grid ADD COLUMN web_hooks jsonb NOT NULL DEFAULT '{}'`,
  `ALTER TABLE grid ADD COLUMN health_check text NOT NULL DEFAULT ''`,
  `ALTER TABLE pool ADD COLUMN health_check text`,

  // Written in the transaction of what it tells; sent outside of any, and sent again until it is known to have arrived.
  `CREATE TABLE message (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT message_pk PRIMARY KEY,
     at timestamptz NOT NULL DEFAULT grid_now(),
     via text NOT NULL,
     recipient text NOT NULL,
     thread text NOT NULL,
     kind text NOT NULL,
     topic text NOT NULL,
     text text NOT NULL,
     due_at timestamptz NOT NULL DEFAULT grid_now(),
     tries integer NOT NULL DEFAULT 0,
     error text,
     sent_to text,
     sent_at timestamptz,
     given_up_at timestamptz,
     CONSTRAINT message_via_ck CHECK (via IN ('mail', 'web_hook', 'digest')))`,
  `CREATE INDEX message_due_ix ON message (via, due_at) WHERE sent_at IS NULL AND given_up_at IS NULL`,
  `CREATE INDEX message_thread_ix ON message (thread, id)`,
  `CREATE INDEX message_halt_ix ON message (id) WHERE kind IN ('halted', 'resumed')`,

  // What is not urgent goes out at the full hour, or at seven in the morning, UTC.
  `CREATE FUNCTION next_digest(often text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
     SELECT CASE WHEN often = 'hourly' THEN date_trunc('hour', grid_now(), 'UTC') + interval '1 hour'
       ELSE date_trunc('day', grid_now() - interval '7 hours', 'UTC') + interval '31 hours' END $$`,

  // Who is told when a submission has ended, once.
  `ALTER TABLE submission ADD COLUMN mail_to text`,
  `ALTER TABLE submission ADD COLUMN mailed_at timestamptz`,
  `CREATE INDEX submission_mail_ix ON submission (id) WHERE mail_to IS NOT NULL AND mailed_at IS NULL`,

  // Up to when each line of cron was looked at.
  `CREATE TABLE schedule (
     name text NOT NULL CONSTRAINT schedule_pk PRIMARY KEY,
     looked_at timestamptz NOT NULL)`,
];

export class Mail1700000000021 {
  name = 'Mail1700000000021';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
