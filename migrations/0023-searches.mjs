/**
 * What runs are to be at, instead of the baseline; changes that are tried together; the hunts for those that break
 * something, and what follows from them.
 */
const statements = [
  `ALTER TABLE submission ADD COLUMN versions jsonb`,

  // Changes of one watch that came together, from their first run with all of them until each has its answer.
  `CREATE TABLE intake (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT intake_pk PRIMARY KEY,
     watch text NOT NULL,
     project_id bigint NOT NULL CONSTRAINT intake_project_fk REFERENCES project (id),
     line jsonb NOT NULL,
     tests bigint[] NOT NULL,
     flaky bigint[] NOT NULL DEFAULT '{}',
     without bigint[] NOT NULL DEFAULT '{}',
     state text NOT NULL DEFAULT 'testing',
     submission_id bigint,
     tries integer NOT NULL DEFAULT 0,
     probed boolean NOT NULL DEFAULT false,
     opened_at timestamptz NOT NULL DEFAULT grid_now(),
     closed_at timestamptz,
     why text NOT NULL,
     CONSTRAINT intake_state_ck CHECK (state IN ('testing', 'searching', 'passed', 'stopped')),
     CONSTRAINT intake_closed_ck CHECK ((closed_at IS NOT NULL) = (state IN ('passed', 'stopped'))))`,
  `CREATE UNIQUE INDEX intake_open_uq ON intake (watch) WHERE closed_at IS NULL`,

  // Runs of tests that had passed the time before, until somebody has asked what has changed since.
  `CREATE TABLE new_red (run_id bigint NOT NULL CONSTRAINT new_red_pk PRIMARY KEY)`,

  // A search is a value; its trials are ordinary runs.
  `CREATE TABLE search (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT search_pk PRIMARY KEY,
     project_id bigint NOT NULL CONSTRAINT search_project_fk REFERENCES project (id),
     intake_id bigint CONSTRAINT search_intake_fk REFERENCES intake (id),
     test_id bigint NOT NULL CONSTRAINT search_test_fk REFERENCES test (id),
     predicate text NOT NULL,
     signature text NOT NULL,
     line jsonb NOT NULL,
     beside jsonb NOT NULL,
     partner_of bigint,
     parent_id bigint CONSTRAINT search_parent_fk REFERENCES search (id),
     value jsonb NOT NULL,
     share double precision NOT NULL,
     actor text NOT NULL,
     opened_at timestamptz NOT NULL DEFAULT grid_now(),
     closed_at timestamptz,
     why text NOT NULL,
     CONSTRAINT search_predicate_ck CHECK (predicate IN ('fails', 'refused', 'lost')))`,
  `CREATE INDEX search_open_ix ON search (id) WHERE closed_at IS NULL`,
  `CREATE INDEX search_intake_ix ON search (intake_id)`,
  `CREATE INDEX search_test_ix ON search (test_id, id)`,

  `CREATE TABLE trial (
     search_id bigint NOT NULL CONSTRAINT trial_search_fk REFERENCES search (id),
     id integer NOT NULL,
     submission_id bigint NOT NULL,
     asked jsonb NOT NULL,
     asked_at timestamptz NOT NULL DEFAULT grid_now(),
     outcome text,
     told_at timestamptz,
     CONSTRAINT trial_pk PRIMARY KEY (search_id, id),
     CONSTRAINT trial_told_ck CHECK ((outcome IS NULL) = (told_at IS NULL)))`,
  `CREATE INDEX trial_open_ix ON trial (search_id, id) WHERE told_at IS NULL`,

  // A version held back to, until a newer one passes.
  `CREATE TABLE pin (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pin_pk PRIMARY KEY,
     component_id bigint NOT NULL CONSTRAINT pin_component_fk REFERENCES component (id),
     version text NOT NULL,
     change_id bigint NOT NULL CONSTRAINT pin_change_fk REFERENCES change (id),
     search_id bigint NOT NULL CONSTRAINT pin_search_fk REFERENCES search (id),
     behind jsonb NOT NULL DEFAULT '[]',
     since timestamptz NOT NULL DEFAULT grid_now(),
     lifted_at timestamptz,
     why text NOT NULL)`,
  `CREATE UNIQUE INDEX pin_open_uq ON pin (component_id, change_id) WHERE lifted_at IS NULL`,
  `CREATE INDEX pin_since_ix ON pin (since)`,

  // Whose change it was found to be, and what they say to that.
  `CREATE TABLE accusation (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT accusation_pk PRIMARY KEY,
     search_id bigint NOT NULL CONSTRAINT accusation_search_fk REFERENCES search (id),
     change_id bigint NOT NULL CONSTRAINT accusation_change_fk REFERENCES change (id),
     owner text NOT NULL,
     made_at timestamptz NOT NULL DEFAULT grid_now(),
     answer text,
     detail text,
     answered_by text,
     answered_at timestamptz,
     until timestamptz,
     withdrawn_at timestamptz,
     CONSTRAINT accusation_uq UNIQUE (search_id, change_id),
     CONSTRAINT accusation_answer_ck CHECK (answer IN ('not_mine', 'fixed_in', 'snoozed')),
     CONSTRAINT accusation_answered_ck CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)))`,
];

export class Searches1700000000023 {
  name = 'Searches1700000000023';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
