/** An image is put back at a version, which may be older than what the inventory has now. */
const statements = [
  `CREATE TABLE image_version (
     name text NOT NULL,
     version text NOT NULL,
     spec jsonb NOT NULL,
     seen_at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT image_version_pk PRIMARY KEY (name, version))`,
];

export class ImageVersions1700000000027 {
  name = 'ImageVersions1700000000027';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
