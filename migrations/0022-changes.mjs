/** What is watched, the components found there, their changes, and the baseline with its history. */
const statements = [
  // A place where new versions arrive. One that is gone from the inventory stays: its components name it.
  `CREATE TABLE watch (
     name text NOT NULL CONSTRAINT watch_pk PRIMARY KEY,
     spec jsonb NOT NULL,
     removed_at timestamptz,
     asked_at timestamptz,
     tried_at timestamptz,
     read_at timestamptz,
     mark text,
     trouble text,
     trouble_since timestamptz,
     CONSTRAINT watch_trouble_ck CHECK ((trouble IS NULL) = (trouble_since IS NULL)))`,

  `CREATE TABLE component (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT component_pk PRIMARY KEY,
     project_id bigint NOT NULL CONSTRAINT component_project_fk REFERENCES project (id),
     watch text NOT NULL,
     name text NOT NULL,
     kind text NOT NULL,
     owner text,
     baseline text,
     baseline_change_id bigint,
     baseline_since timestamptz,
     CONSTRAINT component_name_uq UNIQUE (project_id, name),
     CONSTRAINT component_kind_ck CHECK (kind IN ('apt', 'dnf', 'git', 'image', 'test')),
     CONSTRAINT component_baseline_ck CHECK ((baseline IS NULL) = (baseline_since IS NULL)))`,
  `CREATE INDEX component_watch_ix ON component (watch, name)`,

  `CREATE TABLE change (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT change_pk PRIMARY KEY,
     component_id bigint NOT NULL CONSTRAINT change_component_fk REFERENCES component (id),
     version text NOT NULL,
     previous text,
     author text,
     owner text,
     title text NOT NULL,
     link text,
     made_at timestamptz,
     seen_at timestamptz NOT NULL DEFAULT grid_now(),
     source text NOT NULL,
     pushed_by text,
     blob text,
     facts jsonb NOT NULL DEFAULT '{}',
     position bigint NOT NULL,
     state text NOT NULL DEFAULT 'new',
     why text NOT NULL,
     state_since timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT change_version_uq UNIQUE (component_id, version),
     CONSTRAINT change_source_ck CHECK (source IN ('seen', 'pushed')),
     CONSTRAINT change_pushed_ck CHECK ((source = 'pushed') = (pushed_by IS NOT NULL)),
     CONSTRAINT change_state_ck CHECK (state IN ('new', 'testing', 'in_baseline', 'blamed', 'uninstallable',
       'superseded', 'withdrawn', 'refused')))`,
  `CREATE INDEX change_line_ix ON change (component_id, position)`,
  `CREATE UNIQUE INDEX change_position_uq ON change (position)`,
  `CREATE INDEX change_open_ix ON change (position) WHERE state IN ('new', 'testing', 'uninstallable')`,

  // What was trusted, from when until when.
  `CREATE TABLE baseline_entry (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT baseline_entry_pk PRIMARY KEY,
     component_id bigint NOT NULL CONSTRAINT baseline_entry_component_fk REFERENCES component (id),
     version text NOT NULL,
     change_id bigint,
     since timestamptz NOT NULL DEFAULT grid_now(),
     until timestamptz,
     why text NOT NULL,
     CONSTRAINT baseline_entry_until_ck CHECK (until >= since))`,
  `CREATE UNIQUE INDEX baseline_entry_open_uq ON baseline_entry (component_id) WHERE until IS NULL`,
  `CREATE INDEX baseline_entry_component_ix ON baseline_entry (component_id, since)`,

  // Grows whenever the baseline moves.
  `ALTER TABLE grid ADD COLUMN baseline_edition bigint NOT NULL DEFAULT 0`,

  // Somebody who may put candidates of changes before the grid.
  `ALTER TABLE token_role DROP CONSTRAINT token_role_ck`,
  `ALTER TABLE token_role ADD CONSTRAINT token_role_ck CHECK (role IN ('viewer', 'submitter', 'developer'))`,
];

export class Changes1700000000022 {
  name = 'Changes1700000000022';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
