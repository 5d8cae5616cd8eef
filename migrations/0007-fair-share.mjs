/**
 * Fair share: who has used hosts lately goes behind who has not. Use is host-seconds, provisioning included, and halves
 * each day; it is kept as of a moment, so that it decays without being written.
 */
const statements = [
  `CREATE TABLE host_use (
     owner text CONSTRAINT host_use_pk PRIMARY KEY,
     seconds double precision NOT NULL,
     as_of timestamptz NOT NULL DEFAULT grid_now())`,
  `CREATE FUNCTION decayed_use(seconds double precision, as_of timestamptz) RETURNS double precision
     LANGUAGE sql STABLE RETURN seconds * power(0.5, greatest(extract(epoch FROM grid_now() - as_of), 0)::float8 / 86400)`,

  // Whose run it is: project and who submitted it; '' of the grid's own work, which nobody is charged for.
  `ALTER TABLE queue ADD COLUMN owner text NOT NULL DEFAULT ''`,
  `UPDATE queue q SET owner = s.project_id || ' ' || s.actor FROM run r JOIN submission s ON s.id = r.submission_id
     WHERE r.id = q.run_id AND q.purpose = 'test'`,
  `ALTER TABLE host_seat ADD COLUMN owner text NOT NULL DEFAULT ''`,
  `DROP INDEX queue_wait_ix`,
  `CREATE INDEX queue_wait_ix ON queue (demand, owner, turn_at, run_id) WHERE state = 'waiting'`,

  // A seat is charged for when it is given back, however that comes about.
  `CREATE FUNCTION host_use_charge() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN
     INSERT INTO host_use AS u (owner, seconds, as_of)
     SELECT g.owner, sum(extract(epoch FROM grid_now() - g.taken_at))::float8, grid_now() FROM gone g
     WHERE g.owner <> '' GROUP BY g.owner ORDER BY g.owner
     ON CONFLICT (owner) DO UPDATE SET seconds = decayed_use(u.seconds, u.as_of) + EXCLUDED.seconds, as_of = EXCLUDED.as_of;
     RETURN NULL;
   END $fn$`,
  `CREATE TRIGGER host_use_charge AFTER DELETE ON host_seat REFERENCING OLD TABLE AS gone
     FOR EACH STATEMENT EXECUTE FUNCTION host_use_charge()`,
];

export class FairShare1700000000007 {
  name = 'FairShare1700000000007';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
