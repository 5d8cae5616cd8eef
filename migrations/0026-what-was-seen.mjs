/** How runs with changes were bad before, so that the next try goes by all that was seen; and tests that hold by a rule of their own. */
const statements = [
  `ALTER TABLE intake ADD COLUMN seen jsonb NOT NULL DEFAULT '[]'`,
  `ALTER TABLE intake ADD COLUMN held bigint[] NOT NULL DEFAULT '{}'`,
];

export class WhatWasSeen1700000000026 {
  name = 'WhatWasSeen1700000000026';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
