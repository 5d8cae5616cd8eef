import { type InventoryResult, readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import type { InventoryFiles } from '../../src/adapters/inventory-thing.js';
import type { Inventory } from '../../src/domain/inventory.js';

/** A public host key, of nobody. */
export const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOlocBmFVG3LYkN1D5zFZbxJ6oF0Vdd0n1xQ8oY5vCXz';

/** A small lab in which everything is said that can be said. */
export const LAB: Readonly<Record<string, string>> = {
  'grid.yaml':
    'name: lab\nadmin: Ann <ann@example.org>\ndefault: [linux]\nhalt: {step: pool, image: grid, host: scope}\nsources: ["https://git.example.org/", "ssh://git@git.example.org:2222/tests"]\n',
  'tags.yaml': `tags:
  arm64-board: {meaning: a board, owner: Bea, decays: firmware}
  windows: {meaning: a release of Windows, kind: version, scheme: natural}
  win_fresh_install: {meaning: nothing was put on it yet, decays: packages}
  disk-space: {meaning: room, kind: quantity, unit: B, probe: df -Pk / | tail -1}
  site: {meaning: where it stands, kind: text}
  fpga:
    meaning: a card with gates
    kind: device
    attributes: {image: text, firmware: version natural, clock: quantity Hz, lanes: quantity}
  fast: {meaning: quick enough, is: [memory >= 16GiB, {any: [cpus >= 8, arm64-board]}]}
  vendor:*: {meaning: what a vendor promises}
aliases:
  big: {meaning: a lot of room, is: disk-space >= 1TB}
  best: [fast, big]
`,
  'pools.yaml':
    'pools:\n  north: {meaning: the hall in the north, owner: Ned, projects: [net, default], cap: 10%}\n  south: {cap: 3}\n  east:\n',
  'resources.yaml': `resources:
  mirror: {meaning: packages come from here, owner: Mia}
  meter: {meaning: measures power, owner: Mia, instrument: true, with: [n1], units: 2}
`,
  'types/racks.yaml': `types:
  r420:
    meaning: a rack server
    owner: Rob
    pool: north
    seats: 2
    expendable: [image, packages, boot, use]
    tags: [vendor:dell, site = hall-1, arm64-board]
    executor: lab1
    ssh: {user: root, port: 2222, key_file: ~/.ssh/lab}
    restore: {command: [./restore, --fast]}
    resources: [mirror]
  desk: {pool: south, local: {network: true}}
`,
  'hosts/a.yaml': `hosts:
  n1: {type: r420, ssh: {address: 10.0.0.1, host_keys: ["${KEY}"]}}
  n2:
    type: r420
    owner: Sue
    pool: south
    seats: 1
    expendable: [use]
    tags: [site = hall-2, not arm64-board, windows = 7sp1, fpga 10ee:7024 @ 01:00.0 image = "a b" firmware=1.2]
    ssh:
      {address: "fe80::1", port: 22, user: tester, key_file: /keys/n2, host_keys: ["${KEY}"],
       jump: {address: gate, port: 2022, user: hop, key_file: ~/.ssh/hop, host_keys: ["${KEY}"]}}
    restore: {command: [./other]}
    resources: []
  d1: {type: desk, owner: Dan}
`,
  'steps/s.yaml': `steps:
  debian-12:
    layer: image
    owner: Sue
    gives: [windows = 10, vendor:image, kernel]
    destroys: [packages, boot]
    uses: [mirror]
    restore: debian-12
    no_undo: the next image takes its place
    timeout: 20m
    cost: 3m
  clean: {layer: use, owner: Sue, needs: [root, {not: virtual}], gives: [win_fresh_install], script: rm -rf x, undo: "true"}
`,
  'tests/smoke.sh':
    '#!/bin/sh\n# testyard: owner: Bob\n# testyard: requires: best, not virtual\n# testyard: prefer: cpus >= 64\ntrue\n',
  'tests/other.yaml':
    'testyard: 1\nname: net.other\nowner: Bob\nrequires: [{any: [kvm, site = hall-1]}]\nlabels: [slow]\noutput: ktap\ntimeout: 90s\nenvironment: {A: "1"}\nrun: |\n  echo "$A"\n',
};

/** The files of a lab with some changed (undefined: left out). */
export function filesOf(
  changes: Readonly<Record<string, string | undefined>> = {},
  base: Readonly<Record<string, string>> = LAB,
): InventoryFiles {
  const all = Object.entries({ ...base, ...changes });
  return new Map(
    all.flatMap(([file, text]) => (text === undefined ? [] : [[file, Buffer.from(text)] as const])),
  );
}

/** Every problem as `file:line:column message`. */
export function complaintsOf(result: InventoryResult): readonly string[] {
  if (result.ok) return [];
  return result.problems.map((p) => `${p.file}:${p.line ?? ''}:${p.column ?? ''} ${p.message}`);
}

/** The inventory of these files, in which nothing is wrong. */
export function inventoryOf(files: InventoryFiles): Inventory {
  const result = readInventoryFiles(files);
  if (!result.ok) throw new Error(complaintsOf(result).join('\n'));
  return result.inventory;
}

/** The same lab, where people and programs are told, tests are handled and idle hosts looked at. */
export const TELLING: Readonly<Record<string, string>> = {
  'grid.yaml': `${LAB['grid.yaml']}trusted_projects: [net]
handlers:
  power: {use: sampler, parameters: {file: /sys/power}}
  door: {command: [/opt/door, -q], always: true}
people: {Ned: ned@example.org}
health_check: 0 3 * * *
mail: {smtp: "smtp://mail.example.org:587", from: lab@example.org, user: lab, password: {file: /etc/smtp}, digest: hourly}
web_hooks:
  chat: {url: "https://chat.example.org/x", secret: {env: CHAT}, allow: [10.0.0.0/8, "::1"]}
`,
  'pools.yaml': `${LAB['pools.yaml']}  west: {health_check: 0 4 * * 1-5}\n`,
};
