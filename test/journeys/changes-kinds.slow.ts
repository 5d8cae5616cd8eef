import { afterAll, beforeAll, describe, test } from 'vitest';
import { canRunLightHosts } from '../lab.js';
import { openKinds } from './changes-kinds-scene.js';
import { KINDS } from './changes-kinds-story.js';

const obstacle = canRunLightHosts();
const MINUTES = 60_000;

describe.skipIf(obstacle !== undefined)(
  `the story of images, tests and pushed packages${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let open: Awaited<ReturnType<typeof openKinds>>;

    beforeAll(async () => {
      open = await openKinds(
        (line) => process.env['SAY'] && console.log(new Date().toISOString().slice(11, 19), line),
      );
    }, 10 * MINUTES);

    afterAll(() => open?.close(), 3 * MINUTES);

    for (const { title, play } of KINDS) test(title, () => play(open.scene), 15 * MINUTES);
  },
);
