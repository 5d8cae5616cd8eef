/** What people do with hosts and results: hosts taken out and reserved, runs repeated, failures that are known. */

const statements = [
  // A person who took the host out: the grid's own findings do not bring it back.
  `ALTER TABLE host ADD COLUMN out_by text`,
  `ALTER TABLE host ADD CONSTRAINT host_out_ck CHECK (out_by IS NULL OR health IN ('quarantined', 'maintenance'))`,

  // A host for one person. Ended ones are kept: they say who had been on a host before.
  `CREATE TABLE reservation (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reservation_pk PRIMARY KEY,
     host_id bigint NOT NULL CONSTRAINT reservation_host_fk REFERENCES host (id),
     person text NOT NULL,
     why text NOT NULL,
     run_id bigint,
     submission_id bigint,
     since timestamptz NOT NULL DEFAULT grid_now(),
     until timestamptz NOT NULL,
     ended_at timestamptz,
     ended_by text,
     CONSTRAINT reservation_until_ck CHECK (until > since),
     CONSTRAINT reservation_end_ck CHECK ((ended_at IS NULL) = (ended_by IS NULL)))`,
  `CREATE UNIQUE INDEX reservation_live_uq ON reservation (host_id) WHERE ended_at IS NULL`,
  `CREATE INDEX reservation_run_ix ON reservation (run_id) WHERE run_id IS NOT NULL`,

  // How long a host on which a run of it fails is kept for whoever submitted it.
  `ALTER TABLE submission ADD COLUMN hold_s double precision`,
  // The runs that it repeats, in place of tests x variants x targets.
  `ALTER TABLE submission ADD COLUMN repeats bigint[]`,
  `CREATE INDEX submission_name_ix ON submission (project_id, name, id)`,

  // What is the same of two failures of a test, and the issue that a person tied to it.
  `ALTER TABLE run ADD COLUMN failure_signature text`,
  `CREATE TABLE known_failure (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT known_failure_pk PRIMARY KEY,
     project_id bigint NOT NULL CONSTRAINT known_failure_project_fk REFERENCES project (id),
     test_name text NOT NULL,
     signature text NOT NULL,
     link text NOT NULL,
     why text NOT NULL DEFAULT '',
     who text NOT NULL,
     at timestamptz NOT NULL DEFAULT grid_now(),
     removed_at timestamptz,
     removed_by text,
     CONSTRAINT known_failure_removed_ck CHECK ((removed_at IS NULL) = (removed_by IS NULL)))`,
  `CREATE UNIQUE INDEX known_failure_live_uq ON known_failure (project_id, test_name, signature)
     WHERE removed_at IS NULL`,
];

export class People1700000000004 {
  name = 'People1700000000004';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('what people did is not forgotten: restore a back-up instead');
  }
}
