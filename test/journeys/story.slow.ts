import { afterAll, beforeAll, describe, test } from 'vitest';
import { canRunLightHosts } from '../lab.js';
import { openScene } from './scene.js';
import { CHAPTERS } from './story.js';

const obstacle = canRunLightHosts();
const MINUTES = 60_000;

describe.skipIf(obstacle !== undefined)(
  `the story${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let open: Awaited<ReturnType<typeof openScene>>;

    beforeAll(async () => {
      open = await openScene(() => {});
    }, 10 * MINUTES);

    afterAll(() => open?.close(), 3 * MINUTES);

    for (const { title, play } of CHAPTERS) test(title, () => play(open.scene), 12 * MINUTES);
  },
);
