/** What components are to be at in the runs of a submission, instead of what the baseline says of them. */
const statements = [`ALTER TABLE submission ADD COLUMN versions jsonb`];

export class Versions1700000000023 {
  name = 'Versions1700000000023';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
