/**
 * What reaches beyond one host: halts that an incident's policy made and its end lifts, drifts that their owners were
 * told of, instruments that are leased with a host's seat.
 */
const statements = [
  // The open incidents whose policy halted it; none: a person did, or a cap. The last one's end lets it go on.
  `ALTER TABLE grid ADD COLUMN halted_by bigint[] NOT NULL DEFAULT '{}'`,
  `ALTER TABLE pool ADD COLUMN halted_by bigint[] NOT NULL DEFAULT '{}'`,

  // What was declared of a host and not seen so, since when; its owner was told when the row came.
  `CREATE TABLE host_drift (
     host_id bigint NOT NULL CONSTRAINT host_drift_host_fk REFERENCES host (id),
     name text NOT NULL,
     instance text NOT NULL,
     detail text NOT NULL,
     since timestamptz NOT NULL DEFAULT grid_now(),
     CONSTRAINT host_drift_pk PRIMARY KEY (host_id, name, instance))`,

  // A unit of an instrument serves one seat at a time, and is free again with it.
  `CREATE TABLE instrument_seat (
     resource_id bigint NOT NULL CONSTRAINT instrument_seat_resource_fk REFERENCES resource (id),
     unit integer NOT NULL,
     host_id bigint NOT NULL,
     seat integer NOT NULL,
     attempt_id bigint NOT NULL,
     CONSTRAINT instrument_seat_pk PRIMARY KEY (resource_id, unit),
     CONSTRAINT instrument_seat_unit_ck CHECK (unit >= 1),
     CONSTRAINT instrument_seat_seat_fk FOREIGN KEY (host_id, seat) REFERENCES host_seat (host_id, seat) ON DELETE CASCADE)`,
  `CREATE INDEX instrument_seat_seat_ix ON instrument_seat (host_id, seat)`,
];

export class HaltsDriftsInstruments1700000000006 {
  name = 'HaltsDriftsInstruments1700000000006';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
