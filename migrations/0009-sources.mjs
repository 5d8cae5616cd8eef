/** Where tests may be fetched from by the API: addresses of repositories, or of folders of them. None unless said. */
const statements = [`ALTER TABLE grid ADD COLUMN sources text[] NOT NULL DEFAULT '{}'`];

export class Sources1700000000009 {
  name = 'Sources1700000000009';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
