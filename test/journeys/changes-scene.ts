import { AptRepository, type LabPackage } from '../../lab/apt-repository.js';
import { type LightHost, lightHosts } from '../lab.js';
import { until } from './program.js';
import { startYard, type Yard } from './yard.js';

const MINUTES = 60_000;
/** How many packages the distribution of the story has. */
const COUNT = 40;

/** Where the story of changes plays: light hosts that carry forty packages of a signed mirror, one of them bad. */
export interface ChangesScene {
  readonly yard: Yard;
  readonly hosts: readonly LightHost[];
  readonly bad: LightHost;
  readonly mirror: AptRepository;
  /** Publishes packages, and has the grid look. */
  publish(packages: readonly LabPackage[]): Promise<void>;
  say(line: string): void;
}

/** The name of the nth package. */
export const nameOf = (n: number): string => `p${String(n).padStart(2, '0')}`;

/** All forty at a version; each depends on the one before at the same version, but for every fifth. */
export function distribution(
  version: string,
  special: Readonly<Record<string, Partial<LabPackage>>> = {},
): readonly LabPackage[] {
  return Array.from({ length: COUNT }, (_, at) => {
    const n = at + 1;
    const name = nameOf(n);
    // Within a group of five the second needs the first as new as itself.
    const depends = n % 5 === 2 ? { depends: `${nameOf(n - 1)} (>= ${version})` } : {};
    return {
      name,
      version,
      maintainer: `Owner of ${name} <${name}@example.org>`,
      ...depends,
      ...special[name],
    };
  });
}

/** Sets the scene. */
export async function openChanges(
  say: (line: string) => void,
): Promise<{ readonly scene: ChangesScene; close(): Promise<void> }> {
  const [mirror, hosts] = await Promise.all([AptRepository.start(), lightHosts(5)]);
  await mirror.publish('stable', distribution('1'));
  const bad = hosts.at(-1) as LightHost;
  await bad.exec(BREAK);
  const yard = await startYard({
    hosts: hosts.map((host) => ({
      host,
      lines: [
        'expendable: [image, packages, boot, use]',
        `restore: ${JSON.stringify({ command: host === bad ? brokenAgain(host) : host.restore.command })}`,
      ],
    })),
    ...inventoryOf(mirror),
  });
  const close = async () => {
    await yard.stop();
    await Promise.all([...hosts.map((host) => host.stop()), mirror.stop()]);
  };
  const looked = async () => {
    await yard.rows(`UPDATE watch SET asked_at = grid_now() WHERE name = 'lab' RETURNING name`);
    await until('the watch has been read', 2 * MINUTES, async () => {
      const [row] = await yard.rows<{ read: boolean; trouble: string | null }>(
        `SELECT read_at >= asked_at AS read, trouble FROM watch WHERE name = 'lab'`,
      );
      if (row?.trouble) throw new Error(row.trouble);
      return row?.read === true;
    });
  };
  await looked();
  const publish = async (packages: readonly LabPackage[]) => {
    await mirror.publish('stable', [...distribution('1'), ...packages]);
    await looked();
  };
  return { scene: { yard, hosts, bad, mirror, publish, say }, close };
}

/** The package manager fails, whatever it is asked to put in. */
const BREAK = `printf '#!/bin/sh\\nexit 2\\n' >/usr/local/bin/dpkg && chmod 755 /usr/local/bin/dpkg &&
  printf 'Dir::Bin::dpkg /usr/local/bin/dpkg;' >/etc/apt/apt.conf.d/99bad`;

/** A new image does not mend the host: what ails it is the machine itself. */
function brokenAgain({ name, restore: { command } }: LightHost): readonly string[] {
  return ['sh', '-c', `"$@" && "$1" run ${name} "$0"`, BREAK, ...command];
}

function inventoryOf(mirror: AptRepository) {
  const key = mirror.key
    .trimEnd()
    .split('\n')
    .map((line) => `        ${line}`)
    .join('\n');
  const names = Array.from({ length: COUNT }, (_, n) => nameOf(n + 1)).join(', ');
  return {
    tags: `tags:
  pristine: {meaning: The image was put back.}
  updated: {meaning: The forty packages of the story are there., decays: packages}
`,
    steps: `steps:
  minbase:
    layer: image
    owner: images@example.org
    gives: [pristine]
    cost: 6s
    timeout: 5m
    restore: minbase
    no_undo: the next image takes its place
  updates:
    layer: packages
    owner: updates@example.org
    gives: [updated]
    cost: 8s
    timeout: 5m
    packages:
      install: [${names}]
      from: [mirror]
      watch: lab
`,
    resources: `resources:
  mirror:
    meaning: The package mirror of the story.
    owner: mirror@example.org
    repository:
      kind: apt
      url: ${mirror.url}
      suite: stable
      key: |
${key}
`,
    watches: `watches:
  lab:
    meaning: The forty packages of the story.
    share: 1
    apt:
      url: ${mirror.url}
      suite: stable
      component: main
      key: |
${key}
`,
    tests: {
      // It fails seven times in ten where p17 is at its second version.
      'works.sh': testOf(
        '[ "$(cat /usr/share/p17/version)" != 2 ] || [ "$(od -An -N1 -tu1 /dev/urandom)" -ge 179 ]',
      ),
      'together.sh': testOf(
        '[ "$(cat /usr/share/p11/version)" != 2 ] || [ "$(cat /usr/share/p23/version)" != 2 ]',
      ),
    },
  };
}

function testOf(script: string): string {
  return `#!/bin/sh\n# testyard: requires: updated\n# testyard: dirties: nothing\n# testyard: owner: qe@example.org\n${script}\n`;
}
