import { afterAll, beforeAll, describe, test } from 'vitest';
import { canRunLightHosts } from '../lab.js';
import { openChanges } from './changes-scene.js';
import { CHANGES } from './changes-story.js';

const obstacle = canRunLightHosts();
const MINUTES = 60_000;

describe.skipIf(obstacle !== undefined)(
  `the story of changes${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let open: Awaited<ReturnType<typeof openChanges>>;

    beforeAll(async () => {
      open = await openChanges(
        (line) => process.env['SAY'] && console.log(new Date().toISOString().slice(11, 19), line),
      );
    }, 10 * MINUTES);

    afterAll(() => open?.close(), 3 * MINUTES);

    for (const { title, play } of CHANGES) test(title, () => play(open.scene), 30 * MINUTES);
  },
);
