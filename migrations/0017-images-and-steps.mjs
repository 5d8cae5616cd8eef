/** Reference images are declared, and an admin says whether steps may run on the machines of executors. */
const statements = [
  `CREATE TABLE image (
     name text CONSTRAINT image_pk PRIMARY KEY,
     spec jsonb NOT NULL)`,
  `ALTER TABLE grid ADD COLUMN grid_steps boolean NOT NULL DEFAULT false`,
];

export class ImagesAndSteps1700000000017 {
  name = 'ImagesAndSteps1700000000017';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
