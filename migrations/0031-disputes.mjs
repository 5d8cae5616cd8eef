/** Who decided that it was an accused change after all; and which searches asked for the partner of what another found. */
const statements = [
  `ALTER TABLE accusation ADD COLUMN upheld_by text`,
  `CREATE INDEX search_partner_ix ON search (parent_id) WHERE partner_of IS NOT NULL`,
];

export class Disputes1700000000031 {
  name = 'Disputes1700000000031';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
