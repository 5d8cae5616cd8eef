import type { LightHost } from '../test/lab.js';

/** What the lab's inventory speaks of. */
export interface LabParts {
  readonly hosts: readonly LightHost[];
  readonly apt: { readonly url: string; readonly key: string };
  readonly rpm: { readonly url: string; readonly key: string };
  readonly git: { readonly url: string; readonly commit: string };
  /** Where mail goes. */
  readonly smtp: string;
  /** The tree that light hosts begin with, and a package to put into an image. */
  readonly tree: string;
  readonly package: string;
}

/** An inventory of the lab, by file. */
export function labInventory(parts: LabParts): ReadonlyMap<string, string> {
  return new Map([
    ['grid.yaml', grid(parts)],
    ['tags.yaml', TAGS],
    ['resources.yaml', resources(parts)],
    ['images.yaml', images(parts)],
    ['types.yaml', TYPES],
    ['hosts.yaml', `hosts:\n${parts.hosts.map(host).join('')}`],
    ['steps.yaml', steps(parts)],
    ...Object.entries(TESTS).map(([name, text]) => [`tests/${name}.sh`, text] as const),
  ]);
}

const TAGS = `tags:
  lab-image: {meaning: "the image that a host was restored from", kind: text, probe: "cat /etc/lab-image"}
  lab-tool:
    meaning: a package of the lab, at a version
    kind: version
    scheme: deb
    probe: cat /usr/share/lab-tool/version
  greeter: {meaning: "built from the lab's repository", probe: /opt/greeter/bin/greeter}
  fresh-boot: {meaning: "nothing has run since the host was booted", decays: test}
  lab-motd: {meaning: "a file that the inventory brings", probe: "grep -q 'a host of the lab' /etc/motd"}
`;

function grid({ smtp }: LabParts): string {
  return `name: lab
admin: Admin <admin@testyard.invalid>
grid_steps: yes
mail: {smtp: "${smtp}", from: grid@testyard.invalid}
`;
}

function resources({ apt, rpm }: LabParts): string {
  return `resources:
  mirror:
    meaning: the lab's packages for apt
    owner: Mia Mirror <mirror@testyard.invalid>
    limit: 3
    repository:
      kind: apt
      url: ${apt.url}
      suite: stable
      key: |
${indented(apt.key, 8)}
  rpms:
    meaning: the lab's packages for dnf
    owner: Mia Mirror <mirror@testyard.invalid>
    repository:
      kind: dnf
      url: ${rpm.url}
      key: |
${indented(rpm.key, 8)}
  git-server: {meaning: "the lab's repositories", owner: "Gus Git <git@testyard.invalid>"}
`;
}

function images({ tree, package: deb }: LabParts): string {
  return `images:
  plain:
    meaning: Debian with nothing but ssh
    owner: Ivy Images <images@testyard.invalid>
    tags: [lab-image = plain]
    recipe: |
      cp -a ${tree} "$TESTYARD_OUT"
      echo plain >"$TESTYARD_OUT/etc/lab-image"
  with-tool:
    meaning: the same, with lab-tool put in once for all hosts
    owner: Ivy Images <images@testyard.invalid>
    tags: [lab-image = with-tool, lab-tool = 1.0]
    base: plain
    recipe: |
      cp -a "$TESTYARD_BASE" "$TESTYARD_OUT"
      cp ${deb} "$TESTYARD_OUT/tool.deb"
      chroot "$TESTYARD_OUT" dpkg --force-depends -i /tool.deb
      rm "$TESTYARD_OUT/tool.deb"
      echo with-tool >"$TESTYARD_OUT/etc/lab-image"
`;
}

const TYPES = `types:
  light:
    meaning: namespaces and an overlay on this machine
    owner: Hal Hosts <hosts@testyard.invalid>
    expendable: [image, packages, build, boot, use]
`;

function host({ name, transport, restore }: LightHost): string {
  return `  ${name}:
    type: light
    restore: ${JSON.stringify({ command: restore.command })}
    ssh:
      address: ${transport.address}
      user: ${transport.user}
      key_file: ${transport.keyFile}
      host_keys: ${JSON.stringify(transport.hostKeys)}
`;
}

function steps({ git }: LabParts): string {
  return `steps:
  restore-plain: {layer: image, owner: images@testyard.invalid, restore: plain, cost: 10s}
  restore-with-tool: {layer: image, owner: images@testyard.invalid, restore: with-tool, cost: 12s}
  tool-1:
    layer: packages
    owner: packages@testyard.invalid
    gives: [lab-tool = 1.0]
    packages: {install: [lab-tool = 1.0], from: [mirror]}
    cost: 5s
  tool-2:
    layer: packages
    owner: packages@testyard.invalid
    gives: [lab-tool = 2.0]
    packages: {install: [lab-tool = 2.0], hold: [lab-tool], from: [mirror]}
    cost: 5s
  greeter-there:
    layer: build
    owner: build@testyard.invalid
    gives: [greeter]
    build:
      git: ${git.url}
      commit: ${git.commit}
      from: git-server
      into: /opt/greeter
      recipe: |
        mkdir "$OUT/bin"
        cp greeter.sh "$OUT/bin/greeter"
    cost: 30s
  greeter-here:
    layer: build
    owner: build@testyard.invalid
    gives: [greeter]
    build:
      git: ${git.url}
      commit: ${git.commit}
      from: git-server
      into: /opt/greeter
      on: grid
      recipe: |
        mkdir "$OUT/bin"
        cp greeter.sh "$OUT/bin/greeter"
    cost: 3s
  boot: {layer: boot, owner: hosts@testyard.invalid, gives: [fresh-boot], reboot: {command: reboot}, cost: 5s}
  motd:
    layer: use
    owner: hosts@testyard.invalid
    gives: [lab-motd]
    copy: {text: "a host of the lab\\n", to: /etc/motd}
    cost: 1s
`;
}

const TESTS: Readonly<Record<string, string>> = {
  'plain-image': test('requires: lab-image = plain', 'grep plain /etc/lab-image'),
  'tool-2': test('requires: lab-tool >= 2', 'grep 2.0 /usr/share/lab-tool/version'),
  'tool-1': test('requires: lab-tool = 1.0', 'grep 1.0 /usr/share/lab-tool/version'),
  greets: test('requires: greeter', '/opt/greeter/bin/greeter | grep hello'),
  'after-boot': test('requires: fresh-boot, lab-motd', '[ ! -e /run/used ] && touch /run/used'),
};

function test(requires: string, script: string): string {
  return `#!/bin/sh\n# testyard: ${requires}\n# testyard: owner: qe@testyard.invalid\n# testyard: dirties: nothing\n${script}\n`;
}

function indented(text: string, by: number): string {
  return text
    .trim()
    .split('\n')
    .map((line) => (line === '' ? '' : `${' '.repeat(by)}${line}`))
    .join('\n');
}
