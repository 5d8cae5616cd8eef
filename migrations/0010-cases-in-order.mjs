/** Where in the output a case was told, so that what was observed can be set in order with it; `unknown` as a result. */
const statements = [
  `ALTER TABLE case_result ADD COLUMN at_byte bigint`,
  `ALTER TABLE case_result DROP CONSTRAINT case_result_ck`,
  `ALTER TABLE case_result ADD CONSTRAINT case_result_ck CHECK (result IN ('pass', 'fail', 'skip', 'unknown'))`,
];

export class CasesInOrder1700000000010 {
  name = 'CasesInOrder1700000000010';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
