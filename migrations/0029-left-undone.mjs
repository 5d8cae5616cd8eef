/** What searches that came to nothing have shown of a test; and intakes that wait until the next day. */
const statements = [
  `CREATE INDEX search_record_ix ON search (test_id, id) 
     WHERE predicate = 'fails' AND (value #>> '{conclusion,kind}' = 'flaky'
       OR value #>> '{conclusion,kind}' = 'culprit' AND value #>> '{question,mends}' IS DISTINCT FROM 'true')`,
  `ALTER TABLE intake ADD COLUMN at_limit boolean NOT NULL DEFAULT false`,
  `CREATE INDEX intake_at_limit_ix ON intake (watch, id) WHERE at_limit`,
];

export class LeftUndone1700000000029 {
  name = 'LeftUndone1700000000029';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
