/**
 * Causes beyond a host and a step: what an incident is about, when that was certain enough to be told, and since when
 * a piece of work fails in a row.
 */
const statements = [
  `ALTER TABLE incident ADD COLUMN resource text`,
  `ALTER TABLE incident ADD COLUMN pool text`,
  `ALTER TABLE incident ADD COLUMN image text`,
  `ALTER TABLE incident ADD COLUMN change text`,
  // Whose failure it is has been told; until then checks look for what tells the suspects apart.
  `ALTER TABLE incident ADD COLUMN settled_at timestamptz`,
  `UPDATE incident i SET settled_at = opened_at WHERE scope <> 'host' OR EXISTS (SELECT FROM evidence e
     WHERE e.incident_id = i.id AND e.work = 'canary' AND NOT e.ok)`,

  // The first of the failures in a row of which bad_attempt is the last.
  `ALTER TABLE host_record ADD COLUMN bad_since_attempt bigint NOT NULL DEFAULT 0`,
  `ALTER TABLE host_record ADD COLUMN bad_since timestamptz`,
  `UPDATE host_record SET bad_since_attempt = bad_attempt, bad_since = bad_at`,
  `CREATE INDEX host_record_ok_ix ON host_record (ok_at)`,
  `CREATE INDEX host_record_bad_ix ON host_record (bad_at)`,
];

export class Causes1700000000016 {
  name = 'Causes1700000000016';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
