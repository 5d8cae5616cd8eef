/** Handlers that the inventory lists, and projects whose tests may bring their own. */
const statements = [
  `ALTER TABLE grid ADD COLUMN handlers jsonb NOT NULL DEFAULT '{}'`,
  `ALTER TABLE grid ADD COLUMN trusted_projects text[] NOT NULL DEFAULT '{}'`,
];

export class HandlersAndMail1700000000015 {
  name = 'HandlersAndMail1700000000015';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
