/** Values for parameters are kept apart from variants: they are for those tests alone that have the parameter. */
const statements = [`ALTER TABLE submission ADD COLUMN params jsonb NOT NULL DEFAULT '{}'`];

export class ParamsOfSubmissions1700000000014 {
  name = 'ParamsOfSubmissions1700000000014';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
