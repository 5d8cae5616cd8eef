/** Whoever keeps what the inventory declares learns from one number that it was applied again. */
export class InventoryEdition1700000000028 {
  name = 'InventoryEdition1700000000028';

  async up(queryRunner) {
    await queryRunner.query(`ALTER TABLE grid ADD COLUMN inventory_edition bigint NOT NULL DEFAULT 0`);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
