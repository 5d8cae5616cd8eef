/** By which submissions a blob is named is asked whenever somebody reads one. */
const statements = [`CREATE INDEX artefact_blob_ix ON artefact (blob_digest) WHERE blob_digest IS NOT NULL`];

export class ArtefactBlobs1700000000008 {
  name = 'ArtefactBlobs1700000000008';

  async up(queryRunner) {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down() {
    throw new Error('an old program has no way back: restore the back-up from before the upgrade');
  }
}
