import { GitServer, type LabCommit } from '../../lab/git-server.js';
import { type LightHost, lightHosts } from '../lab.js';
import { MailServer, type Received } from '../mail-server.js';
import { until } from './program.js';
import { startYard, type Yard } from './yard.js';

const MINUTES = 60_000;

/** A branch that is watched; what it is built to, a test needs. */
export const BRANCH = 'engine';

/** Where the story of a branch plays: light hosts that build what a git server has. */
export interface BranchScene {
  readonly yard: Yard;
  readonly hosts: readonly LightHost[];
  readonly git: GitServer;
  /** What the grid has mailed. */
  readonly letters: readonly Received[];
  /** All commits of the branch, the first one first. */
  readonly commits: readonly string[];
  /** Pushes commits, and has the grid look. */
  push(commits: readonly LabCommit[]): Promise<void>;
  say(line: string): void;
  /** Says what the grid has decided since. */
  tell(): Promise<void>;
}

/** Whoever made the nth commit of the branch. */
export const authorOf = (n: number): string => `dev${n}@example.org`;

/** The nth commit: what is built of it says its number; and what else is said. */
export function commitAt(n: number, more: LabCommit['files'] = {}): LabCommit {
  return {
    author: `Developer ${n} <${authorOf(n)}>`,
    title: `commit ${n}`,
    files: { 'parts/number': `echo commit ${n}\n`, ...more },
  };
}

/** Builds what `parts.list` names into one program; a part that is not there ends the build. */
const BUILD = `#!/bin/sh -eu
{ echo '#!/bin/sh'; while read -r part; do cat "parts/$part"; done <parts.list; } >"$1/engine"
chmod 755 "$1/engine"
echo "built of $(wc -l <parts.list) parts"
`;

/** Sets the scene. */
export async function openBranch(
  say: (line: string) => void,
): Promise<{ readonly scene: BranchScene; close(): Promise<void> }> {
  const [git, mail, hosts] = await Promise.all([GitServer.start(), MailServer.start(), lightHosts(3)]);
  const first = commitAt(1, {
    'build.sh': BUILD,
    'parts.list': 'core\nnumber\n',
    'parts/core': 'echo runs\n',
  });
  const commits = [...(await git.history(BRANCH, [first]))];
  const yard = await startYard({
    hosts: hosts.map((host) => ({ host, lines: ['expendable: [build, boot, use]'] })),
    ...inventoryOf(git),
    grid: `mail: {smtp: '${mail.url}', from: grid@example.org}\n`,
  });
  const close = async () => {
    await yard.stop();
    await Promise.all([...hosts.map((host) => host.stop()), git.stop(), mail.stop()]);
  };
  const looked = async () => {
    await yard.rows(`UPDATE watch SET asked_at = grid_now() RETURNING name`);
    await until('the branch has been read', 2 * MINUTES, async () => {
      const [row] = await yard.rows<{ read: boolean; trouble: string | null }>(
        `SELECT read_at >= asked_at AS read, trouble FROM watch`,
      );
      if (row?.trouble) throw new Error(row.trouble);
      return row?.read === true;
    });
  };
  await looked();
  const push = async (more: readonly LabCommit[]) => {
    commits.push(...(await git.history(BRANCH, more)));
    await looked();
  };
  return {
    scene: { yard, hosts, git, letters: mail.letters, commits, push, say, tell: teller(yard, say) },
    close,
  };
}

/** What the grid has decided since it was last asked, for somebody who watches. */
function teller(yard: Yard, say: (line: string) => void): () => Promise<void> {
  let seen = 0;
  return async () => {
    const rows = await yard.rows<{ kind: string; subject: string; why: string }>(
      `SELECT kind, subject, coalesce(data->>'why', data->>'title', data->>'reason', '') AS why FROM history
       WHERE kind ~ '^(intake|search|pin|culprit|incident|host)[.]' AND kind <> 'incident.weighed' ORDER BY txid, id OFFSET ${seen}`,
    );
    seen += rows.length;
    for (const { kind, subject, why } of rows) {
      say(`${kind} ${subject}: ${why}`);
      if (kind !== 'search.done') continue;
      const trials = await yard.rows<{ tried: string }>(
        `SELECT (asked->>'state') || ' ' || coalesce(outcome, '-') AS tried FROM trial WHERE search_id = ${subject.slice(1)} ORDER BY told_at, id`,
      );
      say(trials.map(({ tried }) => tried).join(', '));
    }
  };
}

function inventoryOf(git: GitServer) {
  return {
    tags: `tags:
  engine: {meaning: The engine was built., probe: test -x /opt/engine/engine}
`,
    steps: `steps:
  engine:
    layer: build
    owner: builds@example.org
    gives: [engine]
    cost: 2s
    timeout: 2m
    build:
      git: ${git.url(BRANCH)}
      branch: main
      watch: ${BRANCH}
      into: /opt/engine
      recipe: ./build.sh "$OUT"
`,
    watches: `watches:
  ${BRANCH}:
    meaning: The engine's own branch.
    share: 1
    git: {url: '${git.url(BRANCH)}', branch: main}
`,
    tests: {
      'runs.sh': `#!/bin/sh
# testyard: requires: engine
# testyard: dirties: nothing
# testyard: owner: qe@example.org
[ "$(/opt/engine/engine | head -n 1)" = runs ]
`,
    },
  };
}
