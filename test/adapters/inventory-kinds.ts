import { LAB } from './inventory-lab.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----';

/** The lab with every kind of step, images on one another, and repositories of packages. */
export const KINDS: Readonly<Record<string, string>> = {
  ...LAB,
  'grid.yaml': 'name: lab\nadmin: Ann <ann@example.org>\ngrid_steps: yes\n',
  'resources/more.yaml': `resources:
  debs:
    meaning: for apt
    owner: Mia
    limit: 3
    repository:
      kind: apt
      url: https://debs.example.org/
      suite: stable
      components: [main, extra]
      key: |
${KEY.split('\n')
  .map((line) => (line === '' ? '' : `        ${line}`))
  .join('\n')}
  rpms: {meaning: for dnf, owner: Mia, repository: {kind: dnf, url: "http://rpms.example.org/9", unsigned: yes}}
  git: {meaning: repositories, owner: Gus}
`,
  'images.yaml': `images:
  debian-12: {meaning: bare, owner: Ivy, tags: [windows = 10], file: /srv/images/debian-12.qcow2, digest: ${'ab'.repeat(32)}}
  top: {meaning: with tools, owner: Ivy, base: middle, tags: [vendor:tools, kernel], timeout: 5m, recipe: "cp -a \\"$TESTYARD_BASE\\" \\"$TESTYARD_OUT\\"\\n"}
  middle: {meaning: in between, owner: Ivy, recipe: mkdir "$TESTYARD_OUT"}
`,
  'steps/kinds.yaml': `steps:
  top: {layer: image, owner: Sue, gives: [win_fresh_install], restore: top}
  watched: {layer: image, owner: Sue, gives: [vendor:w], restore: {image: middle, watch: images}}
  here: {layer: use, owner: Sue, gives: [vendor:a], script: touch x, on: grid, artefacts: [kernel.deb], no_undo: none}
  debs:
    layer: packages
    owner: Sue
    gives: [vendor:b]
    packages:
      install: [hello = 2.10-3, "libfoo:amd64=1:2~rc1+b1"]
      remove: [other]
      hold: [hello]
      unhold: libfoo
      files: [kernel.deb]
      from: [debs]
  rpms: {layer: packages, owner: Sue, gives: [vendor:c], packages: {by: dnf, install: bash, from: [rpms], root: /srv/root}}
  source: {layer: build, owner: Sue, gives: [vendor:d], fetch: {git: "https://git.example.org/a.git", commit: ${COMMIT}, into: /srv/a, submodules: yes, from: git}}
  tip: {layer: build, owner: Sue, gives: [vendor:e], fetch: {git: "https://git.example.org/a.git", branch: main, into: /srv/a}}
  built: {layer: build, owner: Sue, gives: [vendor:f], build: {git: "https://git.example.org/a.git", commit: ${COMMIT}, into: /opt/a, on: grid, recipe: "make\\n"}, undo: rm -rf /opt/a}
  loaded: {layer: boot, owner: Sue, gives: [vendor:g], module: {name: dummy, parameters: [numdummies=2]}}
  booted: {layer: boot, owner: Sue, gives: [vendor:h], reboot: yes}
  file: {layer: use, owner: Sue, gives: [vendor:i], copy: {file: etc/motd, to: /etc/motd, mode: 0600}}
  text: {layer: use, owner: Sue, gives: [vendor:j], copy: {text: "x\\n", to: /etc/x}}
  artefact: {layer: use, owner: Sue, gives: [vendor:k], copy: {artefact: config, to: /etc/y}}
`,
  'files/etc/motd': 'hello\0\u0001',
};
