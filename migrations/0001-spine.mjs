/**
 * The spine of the data model. Ids, keys and partitioning are final: later migrations add tables and
 * columns. Large tables are led by run_id and partitioned by it, so that a year of runs goes with one DROP;
 * for the same reason no foreign key points at a partitioned table.
 */

const RUN_PARTITIONED = ['run', 'attempt', 'place', 'step_run', 'case_result', 'measurement'];

const statements = [
  // ---- time: the one clock of all SQL; tests and simulation set it ------------------------------
  `CREATE TABLE grid_clock (
     one boolean CONSTRAINT grid_clock_pk PRIMARY KEY DEFAULT true CONSTRAINT grid_clock_one CHECK (one),
     set_to timestamptz)`,
  `INSERT INTO grid_clock DEFAULT VALUES`,
  `CREATE FUNCTION grid_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
     $$ SELECT coalesce((SELECT set_to FROM grid_clock), statement_timestamp()) $$`,

  // ---- layers of a host's state, lowest first ------------------------------------------------------
  `CREATE FUNCTION layer_rank(layer text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
     $$ SELECT array_position(ARRAY['firmware', 'image', 'packages', 'build', 'boot', 'use'], layer) $$`,
  `CREATE FUNCTION least_layer(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
     $$ SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a
                    WHEN layer_rank(a) <= layer_rank(b) THEN a ELSE b END $$`,

  // ---- who ------------------------------------------------------------------------------------
  `CREATE TABLE project (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT project_pk PRIMARY KEY,
     name text NOT NULL CONSTRAINT project_name_uq UNIQUE,
     created_at timestamptz NOT NULL DEFAULT grid_now())`,
  `CREATE TABLE token (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT token_pk PRIMARY KEY,
     name text NOT NULL,
     digest bytea NOT NULL CONSTRAINT token_digest_uq UNIQUE,
     kind text NOT NULL CONSTRAINT token_kind_ck CHECK (kind IN ('person', 'executor')),
     grid_admin boolean NOT NULL DEFAULT false,
     created_at timestamptz NOT NULL DEFAULT grid_now(),
     created_by text NOT NULL,
     expires_at timestamptz,
     revoked_at timestamptz,
     CONSTRAINT token_executor_ck CHECK (kind = 'person' OR NOT grid_admin))`,
  `CREATE TABLE token_role (
     token_id bigint NOT NULL CONSTRAINT token_role_token_fk REFERENCES token (id),
     project_id bigint NOT NULL CONSTRAINT token_role_project_fk REFERENCES project (id),
     role text NOT NULL CONSTRAINT token_role_ck CHECK (role IN ('viewer', 'submitter')),
     CONSTRAINT token_role_pk PRIMARY KEY (token_id, project_id))`,
  `CREATE TABLE idempotency (
     token_id bigint NOT NULL CONSTRAINT idempotency_token_fk REFERENCES token (id),
     key text NOT NULL,
     request_digest bytea NOT NULL,
     status smallint NOT NULL,
     response jsonb NOT NULL,
     at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT idempotency_pk PRIMARY KEY (token_id, key))`,
  `CREATE INDEX idempotency_at_ix ON idempotency (at)`,

  // ---- the grid, its leader --------------------------------------------------------------------
  `CREATE TABLE grid (
     one boolean CONSTRAINT grid_pk PRIMARY KEY DEFAULT true CONSTRAINT grid_one CHECK (one),
     state text NOT NULL DEFAULT 'online' CONSTRAINT grid_state_ck CHECK (state IN ('online', 'offline', 'halted')),
     who text NOT NULL DEFAULT 'testyard',
     why text NOT NULL DEFAULT 'new grid',
     since timestamptz NOT NULL DEFAULT grid_now(),
     name text NOT NULL DEFAULT 'testyard',
     admin text NOT NULL DEFAULT 'admin',
     default_requirement text NOT NULL DEFAULT '',
     history_epoch uuid NOT NULL DEFAULT gen_random_uuid())`,
  `INSERT INTO grid DEFAULT VALUES`,
  `CREATE TABLE leadership (
     one boolean CONSTRAINT leadership_pk PRIMARY KEY DEFAULT true CONSTRAINT leadership_one CHECK (one),
     epoch bigint NOT NULL DEFAULT 0,
     holder text,
     beat_at timestamptz NOT NULL DEFAULT grid_now(),
     expires_at timestamptz NOT NULL DEFAULT grid_now())`,
  `INSERT INTO leadership DEFAULT VALUES`,

  // ---- inventory -------------------------------------------------------------------------------
  `CREATE TABLE pool (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pool_pk PRIMARY KEY,
     name text NOT NULL CONSTRAINT pool_name_uq UNIQUE,
     state text NOT NULL DEFAULT 'online' CONSTRAINT pool_state_ck CHECK (state IN ('online', 'halted')),
     why text)`,
  `CREATE TABLE tag (
     name text CONSTRAINT tag_pk PRIMARY KEY,
     spec jsonb NOT NULL,
     removed_at timestamptz)`,
  `CREATE TABLE step (
     name text CONSTRAINT step_pk PRIMARY KEY,
     digest text NOT NULL,
     spec jsonb NOT NULL,
     removed_at timestamptz)`,
  `CREATE SEQUENCE host_version_seq`,
  `CREATE TABLE host (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT host_pk PRIMARY KEY,
     name text NOT NULL CONSTRAINT host_name_uq UNIQUE,
     pool_id bigint NOT NULL CONSTRAINT host_pool_fk REFERENCES pool (id),
     host_type text NOT NULL DEFAULT 'generic',
     owner text,
     transport jsonb NOT NULL,
     restore jsonb,
     executor text,
     seats integer NOT NULL DEFAULT 1 CONSTRAINT host_seats_ck CHECK (seats BETWEEN 1 AND 1000),
     expendable text[] NOT NULL DEFAULT '{}',
     offline boolean NOT NULL DEFAULT false,
     health text NOT NULL DEFAULT 'good'
       CONSTRAINT host_health_ck CHECK (health IN ('good', 'suspect', 'quarantined', 'maintenance')),
     health_why text NOT NULL DEFAULT 'new',
     health_since timestamptz NOT NULL DEFAULT grid_now(),
     dirty_from text CONSTRAINT host_dirty_ck
       CHECK (dirty_from IN ('firmware', 'image', 'packages', 'build', 'boot', 'use')),
     stack_attempt bigint NOT NULL DEFAULT 0,
     used_since_stack boolean NOT NULL DEFAULT true,
     step_layer text,
     fingerprint jsonb,
     version bigint NOT NULL DEFAULT nextval('host_version_seq'),
     removed_at timestamptz)`,
  `CREATE INDEX host_pool_ix ON host (pool_id)`,
  `CREATE TABLE host_stack (
     host_id bigint NOT NULL CONSTRAINT host_stack_host_fk REFERENCES host (id),
     position integer NOT NULL,
     layer text NOT NULL CONSTRAINT host_stack_layer_ck
       CHECK (layer IN ('firmware', 'image', 'packages', 'build', 'boot', 'use')),
     step text NOT NULL,
     key text NOT NULL,
     gives text[] NOT NULL DEFAULT '{}',
     attempt_id bigint NOT NULL,
     at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT host_stack_pk PRIMARY KEY (host_id, position))`,
  `CREATE TABLE host_tag (
     host_id bigint NOT NULL CONSTRAINT host_tag_host_fk REFERENCES host (id),
     name text NOT NULL,
     instance text NOT NULL DEFAULT '',
     source text NOT NULL CONSTRAINT host_tag_source_ck CHECK (source IN ('declared', 'probed', 'produced')),
     raw text NOT NULL DEFAULT '',
     seen_at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT host_tag_pk PRIMARY KEY (host_id, name, instance, source))`,
  `CREATE TABLE host_probe (
     host_id bigint NOT NULL CONSTRAINT host_probe_host_fk REFERENCES host (id),
     probe text NOT NULL,
     worked boolean NOT NULL,
     fingerprint text NOT NULL DEFAULT '',
     seen_at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT host_probe_pk PRIMARY KEY (host_id, probe))`,

  // What each piece of work last came to on each host: what blame is inferred from.
  `CREATE TABLE host_record (
     host_id bigint NOT NULL CONSTRAINT host_record_host_fk REFERENCES host (id),
     work text NOT NULL,
     ok_attempt bigint NOT NULL DEFAULT 0,
     ok_at timestamptz,
     bad_attempt bigint NOT NULL DEFAULT 0,
     bad_at timestamptz,
     CONSTRAINT host_record_pk PRIMARY KEY (host_id, work))`,
  `CREATE INDEX host_record_work_ix ON host_record (work)`,

  // ---- executors and their right to work ---------------------------------------------------------
  `CREATE TABLE executor (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT executor_pk PRIMARY KEY,
     name text NOT NULL CONSTRAINT executor_name_uq UNIQUE,
     token_id bigint CONSTRAINT executor_token_fk REFERENCES token (id),
     created_at timestamptz NOT NULL DEFAULT grid_now())`,
  `CREATE TABLE lease (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT lease_pk PRIMARY KEY,
     executor_id bigint NOT NULL CONSTRAINT lease_executor_fk REFERENCES executor (id),
     incarnation text NOT NULL CONSTRAINT lease_incarnation_uq UNIQUE,
     version text NOT NULL,
     capacity integer NOT NULL CONSTRAINT lease_capacity_ck CHECK (capacity > 0),
     draining boolean NOT NULL DEFAULT false,
     granted_at timestamptz NOT NULL DEFAULT grid_now(),
     renewed_at timestamptz NOT NULL DEFAULT grid_now(),
     expires_at timestamptz NOT NULL,
     ended_at timestamptz,
     end_reason text,
     CONSTRAINT lease_end_ck CHECK ((ended_at IS NULL) = (end_reason IS NULL)))`,
  `CREATE UNIQUE INDEX lease_live_uq ON lease (executor_id) WHERE ended_at IS NULL`,
  `CREATE INDEX lease_live_ix ON lease (expires_at) WHERE ended_at IS NULL`,

  // ---- tests and submissions ----------------------------------------------------------------------
  `CREATE TABLE test (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT test_pk PRIMARY KEY,
     project_id bigint NOT NULL CONSTRAINT test_project_fk REFERENCES project (id),
     name text NOT NULL,
     digest text NOT NULL,
     spec jsonb NOT NULL,
     requirement text NOT NULL,
     requirement_key text NOT NULL,
     owner text,
     listed boolean NOT NULL DEFAULT false,
     created_at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT test_version_uq UNIQUE (project_id, name, digest))`,
  `CREATE INDEX test_listed_ix ON test (project_id) WHERE listed`,
  `CREATE TABLE test_last (
     project_id bigint NOT NULL CONSTRAINT test_last_project_fk REFERENCES project (id),
     test_name text NOT NULL,
     variant_key text NOT NULL,
     verdict text NOT NULL CONSTRAINT test_last_verdict_ck CHECK (verdict IN ('passed', 'failed', 'skipped')),
     run_id bigint NOT NULL,
     had_cases boolean NOT NULL,
     at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT test_last_pk PRIMARY KEY (project_id, test_name, variant_key))`,
  `CREATE TABLE submission (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT submission_pk PRIMARY KEY,
     project_id bigint NOT NULL CONSTRAINT submission_project_fk REFERENCES project (id),
     name text NOT NULL DEFAULT '',
     source text NOT NULL CONSTRAINT submission_source_ck CHECK (source IN ('user', 'rule', 'schedule', 'grid')),
     actor text NOT NULL,
     tests bigint[] NOT NULL,
     variants jsonb NOT NULL DEFAULT '[{}]',
     targets jsonb NOT NULL DEFAULT '[{}]',
     priority integer NOT NULL DEFAULT 0,
     queue_timeout interval,
     retry_of bigint,
     purpose text NOT NULL DEFAULT 'test'
       CONSTRAINT submission_purpose_ck CHECK (purpose IN ('test', 'canary', 'recovery', 'trial')),
     incident_id bigint,
     created_at timestamptz NOT NULL DEFAULT grid_now(),
     unfolded_at timestamptz,
     run_count integer)`,
  `CREATE INDEX submission_pending_ix ON submission (id) WHERE unfolded_at IS NULL`,
  `CREATE INDEX submission_project_ix ON submission (project_id, id DESC)`,
  `CREATE TABLE artefact (
     submission_id bigint NOT NULL CONSTRAINT artefact_submission_fk REFERENCES submission (id),
     name text NOT NULL,
     url text,
     blob_digest text,
     digest text,
     build_id text,
     CONSTRAINT artefact_pk PRIMARY KEY (submission_id, name),
     CONSTRAINT artefact_where_ck CHECK (num_nonnulls(url, blob_digest) = 1))`,

  // ---- runs: large, partitioned by run_id ----------------------------------------------------------
  `CREATE SEQUENCE run_id_seq`,
  `CREATE SEQUENCE attempt_id_seq`,
  `CREATE TABLE run (
     id bigint NOT NULL DEFAULT nextval('run_id_seq'),
     project_id bigint NOT NULL,
     submission_id bigint NOT NULL,
     purpose text NOT NULL DEFAULT 'test'
       CONSTRAINT run_purpose_ck CHECK (purpose IN ('test', 'canary', 'recovery', 'trial')),
     test_id bigint NOT NULL,
     test_name text NOT NULL,
     variant jsonb NOT NULL DEFAULT '{}',
     variant_key text NOT NULL DEFAULT '',
     target jsonb NOT NULL DEFAULT '{}',
     requirement_key text NOT NULL,
     retry_of bigint,
     created_at timestamptz NOT NULL DEFAULT grid_now(),
     attempts integer NOT NULL DEFAULT 0,
     verdict text CONSTRAINT run_verdict_ck CHECK (verdict IN ('passed', 'failed', 'skipped', 'none')),
     no_verdict text,
     reason text,
     evidence jsonb,
     marks text[] NOT NULL DEFAULT '{}',
     verdict_attempt bigint,
     judged_at timestamptz,
     CONSTRAINT run_pk PRIMARY KEY (id),
     CONSTRAINT run_none_ck CHECK ((verdict = 'none') = (no_verdict IS NOT NULL) OR verdict IS NULL),
     CONSTRAINT run_undone_ck CHECK (verdict IS NOT NULL OR (no_verdict IS NULL AND judged_at IS NULL)),
     CONSTRAINT run_done_ck CHECK (verdict IS NULL OR (judged_at IS NOT NULL AND reason IS NOT NULL)),
     CONSTRAINT run_proof_ck CHECK (verdict IS NULL OR verdict = 'none' OR verdict_attempt IS NOT NULL)
   ) PARTITION BY RANGE (id)`,
  `CREATE INDEX run_project_ix ON run (project_id, id DESC)`,
  `CREATE INDEX run_submission_ix ON run (submission_id, id)`,
  `CREATE INDEX run_test_ix ON run (project_id, test_name, id DESC)`,
  `CREATE INDEX run_own_ix ON run (purpose, id DESC) WHERE purpose <> 'test'`,
  `CREATE TABLE attempt (
     run_id bigint NOT NULL,
     id bigint NOT NULL DEFAULT nextval('attempt_id_seq'),
     number integer NOT NULL,
     lease_id bigint NOT NULL,
     plan jsonb NOT NULL,
     created_at timestamptz NOT NULL DEFAULT grid_now(),
     begun_at timestamptz,
     chain_done_at timestamptz,
     tags_verified_at timestamptz,
     test_started_at timestamptz,
     ended_at timestamptz,
     outcome text,
     detail jsonb,
     CONSTRAINT attempt_pk PRIMARY KEY (run_id, id),
     CONSTRAINT attempt_end_ck CHECK ((ended_at IS NULL) = (outcome IS NULL))
   ) PARTITION BY RANGE (run_id)`,
  `CREATE TABLE place (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     role text NOT NULL,
     host_id bigint NOT NULL,
     seat integer NOT NULL,
     requirement text NOT NULL DEFAULT '',
     fresh boolean NOT NULL DEFAULT false,
     boot_id text,
     unordered_boot text,
     verified jsonb,
     fingerprint_before jsonb,
     fingerprint_after jsonb,
     dirtied text,
     output_bytes bigint NOT NULL DEFAULT 0,
     output_cut bigint NOT NULL DEFAULT 0,
     output_blob text,
     CONSTRAINT place_pk PRIMARY KEY (run_id, attempt_id, role)
   ) PARTITION BY RANGE (run_id)`,
  `CREATE INDEX place_host_ix ON place (host_id, attempt_id DESC)`,
  `CREATE TABLE step_run (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     role text NOT NULL,
     seq integer NOT NULL,
     kind text NOT NULL CONSTRAINT step_run_kind_ck CHECK (kind IN ('chain', 'setup', 'test', 'teardown')),
     step text NOT NULL,
     layer text,
     key text,
     started_at timestamptz NOT NULL DEFAULT grid_now(),
     ended_at timestamptz,
     result text,
     exit_code integer,
     duration_ms double precision,
     message text,
     CONSTRAINT step_run_pk PRIMARY KEY (run_id, attempt_id, role, seq)
   ) PARTITION BY RANGE (run_id)`,
  `CREATE TABLE case_result (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     seq integer NOT NULL,
     role text NOT NULL,
     name text NOT NULL,
     result text NOT NULL CONSTRAINT case_result_ck CHECK (result IN ('pass', 'fail', 'skip')),
     message text NOT NULL DEFAULT '',
     at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT case_result_pk PRIMARY KEY (run_id, attempt_id, seq)
   ) PARTITION BY RANGE (run_id)`,
  `CREATE TABLE measurement (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     seq integer NOT NULL,
     case_seq integer NOT NULL,
     raw text NOT NULL,
     value double precision,
     unit text NOT NULL DEFAULT '',
     CONSTRAINT measurement_pk PRIMARY KEY (run_id, attempt_id, seq)
   ) PARTITION BY RANGE (run_id)`,

  // ---- hot: what waits and lives ----------------------------------------------------------------------
  // Runs that ask for the same share one row here, with the one reason why they wait.
  `CREATE TABLE demand (
     key text CONSTRAINT demand_pk PRIMARY KEY,
     spec jsonb NOT NULL,
     reason_code text NOT NULL DEFAULT 'new',
     reason text NOT NULL DEFAULT 'just accepted',
     since timestamptz NOT NULL DEFAULT grid_now())`,
  `CREATE TABLE queue (
     run_id bigint CONSTRAINT queue_pk PRIMARY KEY,
     project_id bigint NOT NULL,
     purpose text NOT NULL,
     test_id bigint NOT NULL CONSTRAINT queue_test_fk REFERENCES test (id),
     demand text NOT NULL,
     target jsonb NOT NULL DEFAULT '{}',
     priority integer NOT NULL DEFAULT 0,
     enqueued_at timestamptz NOT NULL DEFAULT grid_now(),
     state text NOT NULL DEFAULT 'waiting'
       CONSTRAINT queue_state_ck CHECK (state IN ('waiting', 'held', 'running')),
     since timestamptz NOT NULL DEFAULT grid_now(),
     reason_code text NOT NULL DEFAULT 'new',
     reason text NOT NULL DEFAULT 'just accepted',
     not_before timestamptz,
     deadline timestamptz,
     incident_id bigint,
     attempts integer NOT NULL DEFAULT 0,
     memory jsonb NOT NULL DEFAULT '{}',
     cancelled_by text,
     stop_why text,
     claimed_at timestamptz,
     attempt_id bigint CONSTRAINT queue_attempt_uq UNIQUE,
     lease_id bigint,
     report_seq integer NOT NULL DEFAULT 0,
     ended jsonb,
     CONSTRAINT queue_running_ck CHECK ((state = 'running') = (attempt_id IS NOT NULL)),
     CONSTRAINT queue_lease_ck CHECK ((attempt_id IS NULL) = (lease_id IS NULL)),
     CONSTRAINT queue_held_ck CHECK (state <> 'held' OR (incident_id IS NOT NULL AND deadline IS NOT NULL)),
     CONSTRAINT queue_ended_ck CHECK (ended IS NULL OR attempt_id IS NOT NULL))`,
  `CREATE INDEX queue_wait_ix ON queue (demand, priority DESC, run_id) WHERE state = 'waiting'`,
  `CREATE INDEX queue_ended_ix ON queue (run_id) WHERE ended IS NOT NULL`,
  `CREATE INDEX queue_cancelled_ix ON queue (run_id) WHERE cancelled_by IS NOT NULL`,
  `CREATE INDEX queue_lease_ix ON queue (lease_id) WHERE lease_id IS NOT NULL`,
  `CREATE INDEX queue_incident_ix ON queue (incident_id) WHERE incident_id IS NOT NULL`,
  `CREATE INDEX queue_deadline_ix ON queue (deadline) WHERE deadline IS NOT NULL`,
  `CREATE INDEX queue_put_off_ix ON queue (run_id) WHERE not_before = 'infinity'`,
  `CREATE INDEX queue_own_ix ON queue (run_id) WHERE purpose <> 'test'`,
  `CREATE INDEX queue_project_ix ON queue (project_id, run_id DESC)`,
  `CREATE TABLE host_seat (
     host_id bigint NOT NULL CONSTRAINT host_seat_host_fk REFERENCES host (id),
     seat integer NOT NULL,
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     lease_id bigint NOT NULL,
     role text NOT NULL,
     taken_at timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT host_seat_pk PRIMARY KEY (host_id, seat),
     CONSTRAINT host_seat_attempt_uq UNIQUE (attempt_id, role))`,
  `CREATE INDEX host_seat_lease_ix ON host_seat (lease_id)`,
  `CREATE TABLE output_segment (
     run_id bigint NOT NULL,
     attempt_id bigint NOT NULL,
     role text NOT NULL,
     seq integer NOT NULL,
     at_byte bigint NOT NULL,
     at timestamptz NOT NULL DEFAULT grid_now(),
     data bytea NOT NULL,
     CONSTRAINT output_segment_pk PRIMARY KEY (run_id, attempt_id, role, seq),
     CONSTRAINT output_segment_size_ck CHECK (octet_length(data) <= 262144))`,
  `CREATE TABLE blob (
     digest text CONSTRAINT blob_pk PRIMARY KEY,
     bytes bigint NOT NULL,
     stored_bytes bigint NOT NULL,
     media_type text NOT NULL,
     line_index jsonb,
     created_at timestamptz NOT NULL DEFAULT grid_now())`,

  // ---- blame ----------------------------------------------------------------------------------------
  `CREATE TABLE incident (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT incident_pk PRIMARY KEY,
     scope text NOT NULL CONSTRAINT incident_scope_ck
       CHECK (scope IN ('host', 'step', 'step_on_host', 'test', 'resource', 'pool', 'image', 'change', 'grid')),
     host_id bigint CONSTRAINT incident_host_fk REFERENCES host (id),
     step text,
     test_name text,
     project_id bigint CONSTRAINT incident_project_fk REFERENCES project (id),
     signature text NOT NULL,
     title text NOT NULL,
     owner text NOT NULL,
     policy text NOT NULL DEFAULT 'scope' CONSTRAINT incident_policy_ck CHECK (policy IN ('scope', 'pool', 'grid')),
     opened_at timestamptz NOT NULL DEFAULT grid_now(),
     checks integer NOT NULL DEFAULT 0,
     next_check_at timestamptz,
     closed_at timestamptz,
     close_reason text,
     CONSTRAINT incident_closed_ck CHECK ((closed_at IS NULL) = (close_reason IS NULL)))`,
  `CREATE INDEX incident_open_ix ON incident (id) WHERE closed_at IS NULL`,
  `CREATE INDEX incident_host_ix ON incident (host_id)`,
  `CREATE TABLE evidence (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT evidence_pk PRIMARY KEY,
     incident_id bigint CONSTRAINT evidence_incident_fk REFERENCES incident (id),
     host_id bigint,
     work text NOT NULL,
     ok boolean NOT NULL,
     run_id bigint,
     attempt_id bigint,
     signature text NOT NULL DEFAULT '',
     detail text NOT NULL DEFAULT '',
     at timestamptz NOT NULL DEFAULT grid_now())`,
  `CREATE INDEX evidence_incident_ix ON evidence (incident_id, id) WHERE incident_id IS NOT NULL`,
  `CREATE INDEX evidence_host_ix ON evidence (host_id, id DESC)`,
  `CREATE INDEX evidence_work_ix ON evidence (work, id DESC)`,

  // ---- history: append-only, partitioned by month ------------------------------------------------------
  `CREATE SEQUENCE history_id_seq`,
  `CREATE TABLE history (
     id bigint NOT NULL DEFAULT nextval('history_id_seq'),
     txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
     at timestamptz NOT NULL DEFAULT grid_now(),
     project_id bigint,
     run_id bigint,
     kind text NOT NULL,
     subject text NOT NULL,
     actor text NOT NULL,
     data jsonb NOT NULL DEFAULT '{}',
     CONSTRAINT history_pk PRIMARY KEY (at, id)
   ) PARTITION BY RANGE (at)`,
  `CREATE INDEX history_read_ix ON history (txid, id)`,
  `CREATE INDEX history_run_ix ON history (run_id, txid, id) WHERE run_id IS NOT NULL`,
  `CREATE TABLE history_default PARTITION OF history DEFAULT`,

  // ---- partitions -----------------------------------------------------------------------------------------
  // New tables are made aside and then attached, which stops neither readers nor writers of their parents.
  `CREATE FUNCTION grid_ensure_partitions() RETURNS integer LANGUAGE plpgsql AS $fn$
   DECLARE
     width constant bigint := 1000000;
     top bigint; n bigint; parent text; child text; made integer := 0;
     this_month timestamp; low timestamptz; high timestamptz; stray boolean;
   BEGIN
     PERFORM pg_advisory_xact_lock(7470001);
     SELECT last_value / width + 1 INTO top FROM run_id_seq;
     FOREACH parent IN ARRAY ARRAY[${RUN_PARTITIONED.map((t) => `'${t}'`).join(', ')}] LOOP
       FOR n IN greatest(top - 1, 0) .. top LOOP
         child := parent || '_p' || n;
         IF to_regclass(child) IS NULL THEN
           EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (fillfactor = 80)', child, parent);
           EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, child,
             n * width, (n + 1) * width);
           made := made + 1;
         END IF;
       END LOOP;
     END LOOP;
     this_month := date_trunc('month', grid_now() AT TIME ZONE 'UTC');
     FOR n IN 0 .. 2 LOOP
       low := (this_month + n * interval '1 month') AT TIME ZONE 'UTC';
       high := (this_month + (n + 1) * interval '1 month') AT TIME ZONE 'UTC';
       child := 'history_' || to_char(this_month + n * interval '1 month', 'YYYYMM');
       IF to_regclass(child) IS NULL THEN
         -- Entries that came before their month's partition was there are in the default one, and move.
         stray := EXISTS (SELECT FROM history_default WHERE at >= low AND at < high);
         IF stray THEN LOCK TABLE history IN ACCESS EXCLUSIVE MODE; END IF;
         EXECUTE format('CREATE TABLE %I (LIKE history INCLUDING ALL)', child);
         IF stray THEN
           ALTER TABLE history DETACH PARTITION history_default;
           EXECUTE format('WITH gone AS (DELETE FROM history_default WHERE at >= $1 AND at < $2 RETURNING *)
                           INSERT INTO %I SELECT * FROM gone', child) USING low, high;
         END IF;
         EXECUTE format('ALTER TABLE history ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', child, low, high);
         IF stray THEN ALTER TABLE history ATTACH PARTITION history_default DEFAULT; END IF;
         made := made + 1;
       END IF;
     END LOOP;
     RETURN made;
   END $fn$`,
  `SELECT grid_ensure_partitions()`,

  // ---- rules that the database itself keeps ------------------------------------------------------------------
  // A verdict is written once; passed, failed and skipped only on proof that the chain succeeded, the needed
  // tags were seen after it, and the test's own process started.
  `CREATE FUNCTION run_verdict_guard() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN
     IF TG_OP = 'UPDATE' AND OLD.verdict IS NOT NULL AND (NEW.verdict, NEW.no_verdict, NEW.verdict_attempt,
        NEW.reason, NEW.judged_at) IS DISTINCT FROM (OLD.verdict, OLD.no_verdict, OLD.verdict_attempt,
        OLD.reason, OLD.judged_at) THEN
       RAISE EXCEPTION 'the verdict of run % is written once', NEW.id USING ERRCODE = 'TY001';
     END IF;
     IF NEW.verdict IN ('passed', 'failed', 'skipped') AND (TG_OP = 'INSERT' OR OLD.verdict IS NULL) AND NOT EXISTS (
       SELECT FROM attempt a WHERE a.run_id = NEW.id AND a.id = NEW.verdict_attempt AND a.ended_at IS NOT NULL
         AND a.chain_done_at IS NOT NULL AND a.tags_verified_at IS NOT NULL AND a.test_started_at IS NOT NULL) THEN
       RAISE EXCEPTION 'run % has no attempt that proves its verdict %', NEW.id, NEW.verdict
         USING ERRCODE = 'TY001';
     END IF;
     RETURN NEW;
   END $fn$`,
  `CREATE TRIGGER run_verdict_guard BEFORE INSERT OR UPDATE OF verdict, no_verdict, verdict_attempt, reason, judged_at
     ON run FOR EACH ROW EXECUTE FUNCTION run_verdict_guard()`,
  // A host serves no more attempts than it has seats.
  `CREATE FUNCTION host_seat_guard() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN
     IF NEW.seat < 1 OR NEW.seat > (SELECT seats FROM host WHERE id = NEW.host_id) THEN
       RAISE EXCEPTION 'host % has no seat %', NEW.host_id, NEW.seat USING ERRCODE = 'TY002';
     END IF;
     RETURN NEW;
   END $fn$`,
  `CREATE TRIGGER host_seat_guard BEFORE INSERT OR UPDATE ON host_seat
     FOR EACH ROW EXECUTE FUNCTION host_seat_guard()`,
  // History only grows; whole partitions may be dropped.
  `CREATE FUNCTION history_guard() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN RAISE EXCEPTION 'history is append-only' USING ERRCODE = 'TY003'; END $fn$`,
  `CREATE TRIGGER history_guard BEFORE UPDATE OR DELETE ON history
     FOR EACH ROW EXECUTE FUNCTION history_guard()`,
  `CREATE TRIGGER history_truncate_guard BEFORE TRUNCATE ON history
     FOR EACH STATEMENT EXECUTE FUNCTION history_guard()`,

  `INSERT INTO project (name) VALUES ('default'), ('testyard')`,
  `INSERT INTO pool (name) VALUES ('default')`,
];

export class Spine1700000000001 {
  name = 'Spine1700000000001';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('the first migration has no way back: drop the database instead');
  }
}
