import { openScene } from '../test/journeys/scene.js';
import { CHAPTERS } from '../test/journeys/story.js';

/** Plays the story of provisioning and blame for whoever watches; the number of chapters that did not hold. */
export async function playStory(print: (line: string) => void): Promise<number> {
  print('setting the scene: three light hosts, a package mirror, a git server, a grid and its executor');
  const { scene, close } = await openScene((line) => print(`   ${line.trimEnd().replaceAll('\n', '\n   ')}`));
  let failed = 0;
  try {
    for (const [index, { title, play }] of CHAPTERS.entries()) {
      print(`\n${index + 1}. ${title}`);
      const from = performance.now();
      try {
        await play(scene);
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
