/**
 * The inventory in full: types of hosts, pools with an owner, users and a cap, resources and instruments, aliases;
 * hosts that are on their way out. What was declared before is kept as it was meant.
 */

const statements = [
  `ALTER TABLE grid ADD COLUMN halt_policy jsonb NOT NULL DEFAULT '{}'`,

  `ALTER TABLE pool ADD COLUMN meaning text, ADD COLUMN owner text, ADD COLUMN projects text[], ADD COLUMN cap jsonb,
     ADD COLUMN removed_at timestamptz`,

  `CREATE TABLE alias (
     name text CONSTRAINT alias_pk PRIMARY KEY,
     spec jsonb NOT NULL)`,
  `CREATE TABLE host_type (
     name text CONSTRAINT host_type_pk PRIMARY KEY,
     spec jsonb NOT NULL)`,
  `CREATE TABLE resource (
     id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT resource_pk PRIMARY KEY,
     name text NOT NULL CONSTRAINT resource_name_uq UNIQUE,
     spec jsonb NOT NULL,
     removed_at timestamptz)`,
  // Both what a host needs to work and the instruments attached to it.
  `CREATE TABLE host_resource (
     host_id bigint NOT NULL CONSTRAINT host_resource_host_fk REFERENCES host (id),
     resource_id bigint NOT NULL CONSTRAINT host_resource_resource_fk REFERENCES resource (id),
     CONSTRAINT host_resource_pk PRIMARY KEY (host_id, resource_id))`,
  `CREATE INDEX host_resource_resource_ix ON host_resource (resource_id)`,

  // A tag says where what is known of it comes from, no longer only whether it has a probe.
  `UPDATE tag SET spec = (spec - 'probe') || jsonb_build_object('source',
     CASE WHEN spec ? 'probe' THEN jsonb_build_object('by', 'probe', 'script', spec->>'probe')
          ELSE jsonb_build_object('by', 'word') END)
   WHERE NOT spec ? 'source'`,

  // A host that is to go and still has work gets no more, and is gone when the last seat is given back.
  `ALTER TABLE host ADD COLUMN draining boolean NOT NULL DEFAULT false`,
  `CREATE FUNCTION host_drained() RETURNS trigger LANGUAGE plpgsql AS $fn$
   BEGIN
     WITH gone AS (
       UPDATE host SET removed_at = grid_now(), draining = false, version = nextval('host_version_seq')
       WHERE draining AND removed_at IS NULL AND id IN (SELECT host_id FROM freed)
         AND NOT EXISTS (SELECT FROM host_seat s WHERE s.host_id = host.id)
       RETURNING id, name)
     INSERT INTO history (kind, subject, actor, data)
     SELECT 'host.removed', 'h' || id, 'testyard', jsonb_build_object('name', name, 'why', 'drained') FROM gone;
     RETURN NULL;
   END $fn$`,
  `CREATE TRIGGER host_drained AFTER DELETE ON host_seat REFERENCING OLD TABLE AS freed
     FOR EACH STATEMENT EXECUTE FUNCTION host_drained()`,

  // No seat is taken on a host that is gone. The lock makes a removal that is under way be waited for.
  `CREATE OR REPLACE FUNCTION host_seat_guard() RETURNS trigger LANGUAGE plpgsql AS $fn$
   DECLARE
     its_seats integer; gone timestamptz;
   BEGIN
     SELECT seats, removed_at INTO its_seats, gone FROM host WHERE id = NEW.host_id FOR KEY SHARE;
     IF NEW.seat < 1 OR NEW.seat > its_seats THEN
       RAISE EXCEPTION 'host % has no seat %', NEW.host_id, NEW.seat USING ERRCODE = 'TY002';
     END IF;
     IF TG_OP = 'INSERT' AND gone IS NOT NULL THEN
       RAISE EXCEPTION 'host % is no longer in the inventory', NEW.host_id USING ERRCODE = 'TY002';
     END IF;
     RETURN NEW;
   END $fn$`,
];

export class Inventory1700000000002 {
  name = 'Inventory1700000000002';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error(
      'an inventory that says more cannot be made one that says less: restore a back-up instead',
    );
  }
}
