/** What words of LAVA metadata ask of a host, where the lab says it otherwise than the program does. */
const statements = [`ALTER TABLE grid ADD COLUMN lava_mapping jsonb NOT NULL DEFAULT '{}'`];

export class LavaMapping1700000000012 {
  name = 'LavaMapping1700000000012';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
