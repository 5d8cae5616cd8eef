/** Which incidents were over only after something began. */
const statements = [`CREATE INDEX incident_over_ix ON incident (closed_at) WHERE settled_at IS NOT NULL`];

export class IncidentsOver1700000000030 {
  name = 'IncidentsOver1700000000030';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
