/** What the last passes of a test were like: how many cases, and how long it took in milliseconds; newest first. */
const statements = [
  `ALTER TABLE test_last ADD COLUMN past_cases integer[] NOT NULL DEFAULT '{}'`,
  `ALTER TABLE test_last ADD COLUMN past_ms integer[] NOT NULL DEFAULT '{}'`,
];

export class WhatIsUsual1700000000013 {
  name = 'WhatIsUsual1700000000013';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
