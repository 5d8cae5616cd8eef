import { afterAll, beforeAll, describe, test } from 'vitest';
import { canRunLightHosts } from '../lab.js';
import { openBranch } from './changes-branch-scene.js';
import { BRANCH_STORY } from './changes-branch-story.js';

const obstacle = canRunLightHosts();
const MINUTES = 60_000;

describe.skipIf(obstacle !== undefined)(
  `the story of a branch${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let open: Awaited<ReturnType<typeof openBranch>>;

    beforeAll(async () => {
      open = await openBranch(
        (line) => process.env['SAY'] && console.log(new Date().toISOString().slice(11, 19), line),
      );
    }, 10 * MINUTES);

    afterAll(() => open?.close(), 3 * MINUTES);

    for (const { title, play } of BRANCH_STORY) test(title, () => play(open.scene), 15 * MINUTES);
  },
);
