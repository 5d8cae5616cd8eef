import { Lab } from './lab.js';
import { playBranch, playChanges, playKinds, playStory } from './story.js';

const stories: Readonly<Record<string, typeof playStory>> = {
  story: playStory,
  changes: playChanges,
  branch: playBranch,
  kinds: playKinds,
};
const story = stories[process.argv[2] ?? ''];
if (story !== undefined) process.exit((await story((line) => console.log(line))) === 0 ? 0 : 1);

const count = Number(process.argv[2] ?? 3);
if (!Number.isInteger(count) || count < 1 || count > 100) {
  console.error(
    `usage: npm run lab -- [HOSTS | ${Object.keys(stories).join(' | ')}]: a number of hosts from 1 to 100, or a story, not '${process.argv[2]}'`,
  );
  process.exit(2);
}
// Before anything is started: who presses Ctrl-C early wants it all gone too.
const asked = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
});
console.log(
  `starting ${count} light hosts and what serves them (the first time on a machine this takes minutes) ...`,
);
const lab = await Lab.start(count);
console.log(`
hosts        ${lab.hosts.map(({ name }) => name).join(' ')}
apt          ${lab.apt.url} stable main (signed)
dnf          ${lab.rpm.url} (signed)
git          ${lab.git.url('greeter')}
mail         ${lab.mail.smtpUrl}, to be read at ${lab.mail.pageUrl}
inventory    ${lab.inventory}

in another terminal:  npx testyard up --inventory ${lab.inventory}
Ctrl-C ends all of it.`);
await asked;
console.log('ending');
await lab.stop();
