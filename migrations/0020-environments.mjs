/** What a test ran on is kept part by part under the digest of its content, as most parts seldom change. */
const statements = [`ALTER TABLE place ADD COLUMN environment jsonb`];

export class Environments1700000000020 {
  name = 'Environments1700000000020';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
