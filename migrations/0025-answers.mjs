/** A person's search may have consequences, where an admin says so. */
const statements = [
  `ALTER TABLE search ADD COLUMN consequences boolean NOT NULL DEFAULT false`,
  `CREATE INDEX pin_search_ix ON pin (search_id)`,
  // Whom a change is not said to be again, for a while.
  `CREATE INDEX accusation_withdrawn_ix ON accusation (change_id) WHERE withdrawn_at IS NOT NULL`,
];

export class Answers1700000000025 {
  name = 'Answers1700000000025';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
