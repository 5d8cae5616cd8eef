/**
 * What steps and tests took on hosts of each type: sums in which each older try counts a little less. `what` is
 * step:NAME, or test:PROJECT:NAME.
 */
const statements = [
  `CREATE TABLE learned_cost (
     what text NOT NULL,
     host_type text NOT NULL,
     tried float8 NOT NULL,
     worked float8 NOT NULL,
     seconds float8 NOT NULL,
     CONSTRAINT learned_cost_pk PRIMARY KEY (what, host_type),
     CONSTRAINT learned_cost_ck CHECK (tried >= worked AND worked >= 0 AND seconds >= 0))`,
];

export class LearnedCosts1700000000018 {
  name = 'LearnedCosts1700000000018';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
