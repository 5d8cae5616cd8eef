import { openBranch } from '../test/journeys/changes-branch-scene.js';
import { BRANCH_STORY } from '../test/journeys/changes-branch-story.js';
import { openKinds } from '../test/journeys/changes-kinds-scene.js';
import { KINDS } from '../test/journeys/changes-kinds-story.js';
import { openChanges } from '../test/journeys/changes-scene.js';
import { CHANGES } from '../test/journeys/changes-story.js';
import { openScene } from '../test/journeys/scene.js';
import { CHAPTERS } from '../test/journeys/story.js';

type Print = (line: string) => void;

/** A part of a story, on what it plays in. */
interface Part<Scene> {
  readonly title: string;
  play(scene: Scene): Promise<void>;
}

/** Plays the story of provisioning and blame for whoever watches; the number of chapters that did not hold. */
export function playStory(print: Print): Promise<number> {
  print('setting the scene: three light hosts, a package mirror, a git server, a grid and its executor');
  return play(openScene, CHAPTERS, print);
}

/** Plays the story of changes: a branch, then images, tests and pushed packages, then forty updates of a mirror. */
export async function playChanges(print: Print): Promise<number> {
  let failed = await playBranch(print);
  print('');
  failed += await playKinds(print);
  print('\nsetting the scene: five light hosts, one of them bad, a mirror of forty packages, and a grid');
  return failed + (await play(openChanges, CHANGES, print));
}

/** Plays the part of it that is about a branch: three hundred commits, of which some break its build. */
export function playBranch(print: Print): Promise<number> {
  print('setting the scene: three light hosts, a git server, and a grid');
  return play(openBranch, BRANCH_STORY, print);
}

/** Plays the part of it that is about images, tests of the project and packages that somebody pushes. */
export function playKinds(print: Print): Promise<number> {
  print('setting the scene: two light hosts, an image, a mirror, and a grid');
  return play(openKinds, KINDS, print);
}

async function play<Scene>(
  open: (say: Print) => Promise<{ readonly scene: Scene; close(): Promise<void> }>,
  chapters: readonly Part<Scene>[],
  print: Print,
): Promise<number> {
  const { scene, close } = await open((line) => print(`   ${line.trimEnd().replaceAll('\n', '\n   ')}`));
  let failed = 0;
  try {
    for (const [index, { title, play: playOne }] of chapters.entries()) {
      print(`\n${index + 1}. ${title}`);
      const from = performance.now();
      try {
        await playOne(scene);
        print(`   holds (${Math.round((performance.now() - from) / 1000)} s)`);
      } catch (error) {
        failed += 1;
        print(`   DOES NOT HOLD: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await close();
  }
  return failed;
}
