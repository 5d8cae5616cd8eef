/** Files that tests and handlers left, and what handlers measured beside the cases' own numbers. */
const statements = [
  `CREATE TABLE attachment (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     seq integer NOT NULL,
     role text NOT NULL,
     name text NOT NULL,
     media_type text NOT NULL,
     case_name text,
     blob_digest text NOT NULL,
     bytes bigint NOT NULL,
     handler text NOT NULL DEFAULT '',
     CONSTRAINT attachment_pk PRIMARY KEY (run_id, attempt_id, seq)
   )`,
  `ALTER TABLE measurement ADD COLUMN handler text NOT NULL DEFAULT ''`,
  `ALTER TABLE measurement ADD COLUMN name text NOT NULL DEFAULT ''`,
];

export class Attachments1700000000011 {
  name = 'Attachments1700000000011';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
