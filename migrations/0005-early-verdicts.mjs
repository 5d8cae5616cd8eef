/** A verdict may be written while the attempt that proves it is still tidied up: its outcome is known by then. */

const statements = [
  `ALTER TABLE attempt ADD COLUMN decided_at timestamptz`,

  // What was told before the end, and whether the judge is to look at it before the end.
  `ALTER TABLE queue ADD COLUMN decided jsonb`,
  `ALTER TABLE queue ADD COLUMN judge_early boolean NOT NULL DEFAULT false`,
  `ALTER TABLE queue ADD CONSTRAINT queue_decided_ck CHECK (decided IS NULL OR attempt_id IS NOT NULL)`,
  `ALTER TABLE queue ADD CONSTRAINT queue_early_ck CHECK (NOT judge_early OR (decided IS NOT NULL AND state = 'running'))`,
  `CREATE INDEX queue_early_ix ON queue (run_id) WHERE judge_early`,

  // Ending: the run has its verdict, and its attempt still has the host.
  `ALTER TABLE queue DROP CONSTRAINT queue_state_ck`,
  `ALTER TABLE queue ADD CONSTRAINT queue_state_ck CHECK (state IN ('waiting', 'held', 'running', 'ending'))`,
  `ALTER TABLE queue DROP CONSTRAINT queue_running_ck`,
  `ALTER TABLE queue ADD CONSTRAINT queue_running_ck
     CHECK ((state IN ('running', 'ending')) = (attempt_id IS NOT NULL))`,

  `CREATE OR REPLACE FUNCTION run_verdict_guard() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN
     IF TG_OP = 'UPDATE' AND OLD.verdict IS NOT NULL AND (NEW.verdict, NEW.no_verdict, NEW.verdict_attempt,
        NEW.reason, NEW.judged_at) IS DISTINCT FROM (OLD.verdict, OLD.no_verdict, OLD.verdict_attempt,
        OLD.reason, OLD.judged_at) THEN
       RAISE EXCEPTION 'the verdict of run % is written once', NEW.id USING ERRCODE = 'TY001';
     END IF;
     IF NEW.verdict IN ('passed', 'failed', 'skipped') AND (TG_OP = 'INSERT' OR OLD.verdict IS NULL) AND NOT EXISTS (
       SELECT FROM attempt a WHERE a.run_id = NEW.id AND a.id = NEW.verdict_attempt
         AND (a.ended_at IS NOT NULL OR a.decided_at IS NOT NULL)
         AND a.chain_done_at IS NOT NULL AND a.tags_verified_at IS NOT NULL AND a.test_started_at IS NOT NULL) THEN
       RAISE EXCEPTION 'run % has no attempt that proves its verdict %', NEW.id, NEW.verdict
         USING ERRCODE = 'TY001';
     END IF;
     RETURN NEW;
   END $fn$`,
];

export class EarlyVerdicts1700000000005 {
  name = 'EarlyVerdicts1700000000005';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('attempts that are still tidied up would be lost: restore a back-up instead');
  }
}
