import assert from 'node:assert/strict';
import type { LabPackage } from '../../lab/apt-repository.js';
import { type ChangesScene, distribution, nameOf } from './changes-scene.js';
import { until } from './program.js';

/** A part of the story of changes. */
export interface ChangesChapter {
  readonly title: string;
  play(scene: ChangesScene): Promise<void>;
}

const MINUTES = 60_000;

/** Every sshd of its machine is killed as soon as it has been put in: nobody reaches the host any more. */
const KILLS = `for one in /proc/[0-9]*; do
  [ "$(cat "$one/comm" 2>/dev/null)" != sshd ] || kill -9 "\${one#/proc/}"
done
`;

const SPECIAL: Readonly<Record<string, Partial<LabPackage>>> = {
  [nameOf(18)]: { depends: 'p17 (>= 2)' },
  [nameOf(30)]: { depends: 'nobody-has-this' },
  [nameOf(35)]: { postinst: KILLS },
};
/** What stays at its first version, and who is told of it. */
const HELD = [17, 18, 23, 30, 35].map(nameOf);
const TOLD = [11, 17, 23, 30, 35].map((n) => `${nameOf(n)}@example.org`);

async function baseline({ yard }: ChangesScene): Promise<Readonly<Record<string, string>>> {
  const rows = await yard.rows<{ name: string; baseline: string }>(
    `SELECT split_part(name, '/', 2) AS name, baseline FROM component ORDER BY name`,
  );
  return Object.fromEntries(rows.map(({ name, baseline }) => [name, baseline]));
}

async function told({ yard }: ChangesScene): Promise<readonly { owner: string; title: string }[]> {
  return yard.rows(
    `SELECT data->>'owner' AS owner, data->>'title' AS title FROM history WHERE kind = 'culprit.told' ORDER BY txid, id`,
  );
}

/** What the grid has decided since it was last asked, for somebody who watches. */
function teller(scene: ChangesScene): () => Promise<void> {
  let seen = 0;
  return async () => {
    const rows = await scene.yard.rows<{ kind: string; subject: string; why: string }>(
      `SELECT kind, subject, coalesce(data->>'why', data->>'title', data->>'reason', '') AS why FROM history
       WHERE kind ~ '^(intake|search|pin|culprit|incident|host)[.]' AND kind <> 'incident.weighed' ORDER BY txid, id OFFSET ${seen}`,
    );
    seen += rows.length;
    for (const { kind, subject, why } of rows) {
      scene.say(`${kind} ${subject}: ${why}`);
      if (kind === 'search.done') scene.say(await trialsOf(scene, subject));
    }
  };
}

/** What a search has tried, in order: how many changes were in, on which host, and what came of it. */
async function trialsOf({ yard }: ChangesScene, search: string): Promise<string> {
  const rows = await yard.rows<{ tried: string }>(
    `SELECT (asked->>'state') || ' ' || coalesce(outcome, '-') AS tried FROM trial WHERE search_id = ${search.slice(1)} ORDER BY told_at, id`,
  );
  return rows.map(({ tried }) => tried).join(', ');
}

/** The story: forty updates arrive at once. */
export const CHANGES: readonly ChangesChapter[] = [
  {
    title: 'forty packages are taken into the baseline as they are found',
    play: async (scene) => {
      assert.deepEqual(
        Object.values(await baseline(scene)),
        Array.from({ length: 40 }, () => '1'),
      );
    },
  },
  {
    title:
      'forty updates: one breaks a test now and then, a pair another one, one cannot be put in, one kills its host; all others go on',
    play: async (scene) => {
      const tell = teller(scene);
      await scene.publish(distribution('2', SPECIAL));
      let isOut = false;
      await until('each change has its answer', 25 * MINUTES, async () => {
        await tell();
        const [open] = await scene.yard.rows<{ searches: number; open: number }>(
          `SELECT (SELECT count(*)::integer FROM search) AS searches, (SELECT count(*)::integer FROM intake WHERE closed_at IS NULL) AS open`,
        );
        if (!isOut && (open?.searches ?? 0) >= 2) {
          isOut = true;
          scene.say('the mirror goes down');
          await scene.mirror.server.down();
          const [before] = await scene.yard.rows<{ n: number }>(
            `SELECT count(*)::integer AS n FROM incident`,
          );
          await until('somebody has noticed', 3 * MINUTES, async () => {
            const [row] = await scene.yard.rows<{ n: number }>(
              `SELECT count(*)::integer AS n FROM trial WHERE outcome = 'withdrawn'`,
            );
            return (row?.n ?? 0) > 0;
          });
          scene.say(`the mirror is back (${before?.n} incidents before)`);
          await scene.mirror.server.up();
        }
        const [states] = await scene.yard.rows<{ waits: number }>(
          `SELECT count(*)::integer AS waits FROM change WHERE state IN ('new', 'testing') AND version = '2'`,
        );
        // What needs a culprit waits for the next version of it.
        return open?.open === 0 && (open.searches ?? 0) > 0 && (states?.waits ?? 0) <= 1;
      });
      await tell();
      const now = await baseline(scene);
      const back = Object.keys(now).filter((name) => now[name] !== '2');
      assert.deepEqual(back, HELD);
      const people = await told(scene);
      assert.deepEqual(people.map(({ owner }) => owner).sort(), TOLD);
      const pair = people.filter(({ title }) => title.includes('together with'));
      assert.deepEqual(
        new Set(pair.map(({ title }) => title)),
        new Set(['lab/p23 2 breaks together, together with lab/p11 2']),
      );
    },
  },
  {
    title: 'the bad host is known as such, and no other host is blamed for good',
    play: async ({ yard, bad }) => {
      const open = (await yard.grid.incidents()).filter(({ closedAt }) => closedAt === undefined);
      assert.deepEqual(new Set(open.map(({ host }) => host)), new Set([bad.name]));
    },
  },
  {
    title: 'a version that holds lifts the pin, and what had to wait for it goes on as well',
    play: async (scene) => {
      await scene.publish([
        ...distribution('2', SPECIAL),
        { name: nameOf(17), version: '3', maintainer: 'p17 <p17@example.org>' },
      ]);
      await until('the pin is lifted', 10 * MINUTES, async () => {
        const now = await baseline(scene);
        return now['p17'] === '3' && now['p18'] === '2';
      });
      const pins = await scene.yard.rows<{ name: string }>(
        `SELECT split_part(k.name, '/', 2) AS name FROM pin p JOIN component k ON k.id = p.component_id WHERE p.lifted_at IS NULL ORDER BY 1`,
      );
      assert.deepEqual(
        pins.map(({ name }) => name),
        ['p23', 'p30', 'p35'],
      );
    },
  },
];
