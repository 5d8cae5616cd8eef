import { describe, expect, it } from 'vitest';
import { explain } from '../../src/domain/explain/explain.js';
import type { HostState, Question, Reach, TagNote } from '../../src/domain/explain/question.js';
import { inWords } from '../../src/domain/explain/words.js';
import { HostIndex } from '../../src/domain/match/host-index.js';
import { fromCanonical, type Requirement } from '../../src/domain/requirement.js';
import type { Instance, Sighting } from '../../src/domain/tag.js';
import { aCatalogue } from './a-grid.js';

const catalogue = aCatalogue();
const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };

/** A host as a case writes it: a text is a value, true and false a flag, null what nobody knows; else absent. */
interface Host extends Partial<HostState> {
  readonly has?: Readonly<Record<string, string | boolean | null | readonly Instance[]>>;
  readonly notes?: Readonly<Record<string, TagNote>>;
}

interface Case extends Partial<Pick<Question, 'queue' | 'most'>> {
  readonly needs: string;
  readonly hosts: Readonly<Record<string, Host>>;
  /** Why steps cannot give all of it, though each alone. */
  readonly together?: string;
  /** By tag: the step that gives it, on which hosts, and its cost. */
  readonly steps?: Readonly<
    Record<string, { readonly step: string; readonly costS: number; readonly not?: string }>
  >;
}

function asked({ needs, hosts, steps = {}, together, queue, most }: Case): Question {
  const index = new HostIndex(catalogue);
  const named = Object.entries(hosts);
  const states = new Map<number, HostState>();
  for (const [n, [name, { has = {}, notes: _, ...state }]] of named.entries()) {
    index.add(n, (tag) => sighting(has[tag]));
    const usual = { type: 'board', pool: 'main', offline: false, health: 'good', healthWhy: '' } as const;
    states.set(n, { name, likeness: name, seats: 1, taken: 0, ...usual, ...state });
  }
  const reachable = (host: number, requirement: Requirement): Reach => {
    if (together !== undefined && requirement.kind === 'all') return { ok: false, why: together };
    const lacking = Object.entries(steps).filter(
      ([tag]) => index.factsOf(host)?.(tag).presence !== 'present',
    );
    const shut = lacking.find(([, { not }]) => not !== undefined);
    if (shut !== undefined) return { ok: false, why: shut[1].not ?? '' };
    const costS = lacking.reduce((sum, [, step]) => sum + step.costS, 0);
    return { ok: true, costS, steps: lacking.map(([, { step }]) => step) };
  };
  return {
    requirement: fromCanonical(needs),
    catalogue,
    index,
    hosts: states,
    givable: new Set(Object.keys(steps)),
    reachable,
    noteOf: (host, tag) => named[host]?.[1].notes?.[tag],
    ...(queue === undefined ? {} : { queue }),
    ...(most === undefined ? {} : { most }),
  };
}

function sighting(has: string | boolean | null | readonly Instance[] | undefined): Sighting {
  if (has === null) return UNKNOWN;
  if (has === undefined || has === false) return ABSENT;
  if (typeof has === 'object') return { presence: 'present', instances: has };
  return { presence: 'present', instances: [{ place: '', raw: has === true ? '' : has }] };
}

const card = (place: string, id: string, speed?: string): Instance => ({
  place,
  raw: '',
  attributes: { id, ...(speed === undefined ? {} : { speed }) },
});
const root = { has: { root: true } };

const CASES: readonly (Case & { readonly says: string; readonly lines: readonly string[] })[] = [
  { says: 'nothing can be served by nothing', needs: 'root', hosts: {}, lines: ['the grid has no hosts'] },
  {
    says: 'a free host that has all',
    needs: 'root',
    hosts: { a: root },
    lines: ['can start now: 1 host could serve it, 1 free', 'a has all of it, and is free'],
  },
  {
    says: 'a run without needs',
    needs: '',
    hosts: { a: {} },
    lines: ['can start now: 1 host could serve it, 1 free', 'a has all of it, and is free'],
  },
  {
    says: 'all hosts are busy',
    needs: 'root',
    hosts: { a: { ...root, taken: 1 }, b: { ...root, taken: 1 } },
    lines: [
      'waits for a free seat: 2 hosts could serve it, 2 busy',
      'a has all of it, and is busy',
      'b has all of it, and is busy',
    ],
  },
  {
    says: 'some are busy and some down',
    needs: 'root',
    hosts: { a: { ...root, taken: 1 }, b: { ...root, offline: true } },
    lines: [
      'waits for a free seat: 2 hosts could serve it, 1 busy and 1 down',
      'a has all of it, and is busy',
      'b has all of it, but it is offline',
    ],
  },
  {
    says: 'the only host is offline',
    needs: 'root',
    hosts: { a: { ...root, offline: true }, b: {} },
    lines: [
      '1 host could serve it, and it is not up',
      'a has all of it, but it is offline',
      'what would do: bring a back',
    ],
  },
  {
    says: 'the only host is quarantined',
    needs: 'root',
    hosts: { a: { ...root, health: 'quarantined', healthWhy: 'two tests lost it' } },
    lines: [
      '1 host could serve it, and it is not up',
      'a has all of it, but it is quarantined: two tests lost it',
      'what would do: bring a back',
    ],
  },
  {
    says: 'the only host is in maintenance',
    needs: 'root',
    hosts: { a: { ...root, health: 'maintenance', healthWhy: 'new disk, says ann' } },
    lines: [
      '1 host could serve it, and it is not up',
      'a has all of it, but it is in maintenance: new disk, says ann',
      'what would do: bring a back',
    ],
  },
  {
    says: 'its pool is halted',
    needs: 'root',
    hosts: { a: { ...root, shut: 'pool main is halted: too many suspects' } },
    lines: [
      '1 host could serve it, and it is not up',
      'a has all of it, but pool main is halted: too many suspects',
      'what would do: bring a back',
    ],
  },
  {
    says: 'the run may not use the host',
    needs: 'root',
    hosts: { a: { ...root, barred: 'pool main is for project kernel' } },
    lines: [
      '1 host could serve it, and this run may not use it: pool main is for project kernel',
      'a has all of it, but this run may not use it: pool main is for project kernel',
      'what would do: have the run allowed there',
    ],
  },
  {
    says: 'the run may use no host, and none would do',
    needs: 'root',
    hosts: { a: { barred: 'the run is for host z' } },
    lines: [
      'this run may use no host: the run is for host z',
      'nearest: a: root is not there; besides, this run may not use it: the run is for host z',
    ],
  },
  {
    says: 'a flag that no host has',
    needs: 'root',
    hosts: { a: {}, b: {} },
    lines: [
      'none of 2 hosts can ever serve it',
      "no host meets 'root'",
      'nearest: a: root is not there',
      'nearest: b: root is not there',
      "what would do: add a host that meets 'root', or leave it out",
    ],
  },
  {
    says: 'a flag that nobody knows',
    needs: 'root',
    hosts: { a: { has: { root: null } }, b: {} },
    lines: [
      'no host is known to serve it; 1 host might, when more is known',
      "no host is known to meet 'root': of 1 host it is not known",
      'nearest: a: root is not known there',
      'nearest: b: root is not there',
      "what would do: find out about 'root' on a",
    ],
  },
  {
    says: 'a look that did not work',
    needs: 'root',
    hosts: { a: { has: { root: null }, notes: { root: { kind: 'look failed', why: 'id: not found' } } } },
    lines: [
      'no host is known to serve it; 1 host might, when more is known',
      "no host is known to meet 'root': of 1 host it is not known",
      'nearest: a: root is not known there (the look at root did not work: id: not found)',
      "what would do: find out about 'root' on a",
    ],
  },
  {
    says: 'a host that nobody has looked at yet',
    needs: 'root',
    hosts: { a: { has: { root: null }, notes: { root: { kind: 'not looked yet' } } } },
    lines: [
      'no host is known to serve it; 1 host might, when more is known',
      "no host is known to meet 'root': of 1 host it is not known",
      'nearest: a: root is not known there (nobody has looked at root there yet)',
      "what would do: find out about 'root' on a",
    ],
  },
  {
    says: 'declared and not seen',
    needs: 'root',
    hosts: { a: { notes: { root: { kind: 'drift' } } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'root'",
      'nearest: a: root is not there (root is declared there, and was not seen so)',
      'what would do: mend root on a, or its declaration',
    ],
  },
  {
    says: 'a kernel that is too old everywhere',
    needs: 'kernel >= 6.1',
    hosts: { a: { has: { kernel: '5.10.0' } }, b: { has: { kernel: '5.4.0' } } },
    lines: [
      'none of 2 hosts can ever serve it',
      "no host meets 'kernel >= 6.1': the nearest is 5.10.0, on a",
      'nearest: a: kernel is 5.10.0, needs >= 6.1',
      'nearest: b: kernel is 5.4.0, needs >= 6.1',
      "what would do: add a host that meets 'kernel >= 6.1', or leave it out",
    ],
  },
  {
    says: 'a kernel that is too new everywhere',
    needs: 'kernel < 5.0',
    hosts: { a: { has: { kernel: '5.10.0' } }, b: { has: { kernel: '5.4.0' } } },
    lines: [
      'none of 2 hosts can ever serve it',
      "no host meets 'kernel < 5.0': the nearest is 5.4.0, on b",
      'nearest: b: kernel is 5.4.0, needs < 5.0',
      'nearest: a: kernel is 5.10.0, needs < 5.0',
      "what would do: add a host that meets 'kernel < 5.0', or leave it out",
    ],
  },
  {
    says: 'a range between what there is',
    needs: 'kernel >= 5.5 < 5.9',
    hosts: { a: { has: { kernel: '5.10.0' } }, b: { has: { kernel: '5.4.0' } } },
    lines: [
      'none of 2 hosts can ever serve it',
      "no host meets 'kernel >= 5.5 < 5.9': the nearest is 5.4.0, on b; the nearest is 5.10.0, on a",
      'nearest: a: kernel is 5.10.0, needs kernel >= 5.5 < 5.9',
      'nearest: b: kernel is 5.4.0, needs kernel >= 5.5 < 5.9',
      "what would do: add a host that meets 'kernel >= 5.5 < 5.9', or leave it out",
    ],
  },
  {
    says: 'not enough memory anywhere',
    needs: 'memory >= 64',
    hosts: { a: { has: { memory: '16' } }, b: { has: { memory: '32' } }, c: { has: { memory: '32' } } },
    lines: [
      'none of 3 hosts can ever serve it',
      "no host meets 'memory >= 64': the nearest is 32, on 2 hosts such as b",
      'nearest: b: memory is 32, needs >= 64',
      'nearest: c: memory is 32, needs >= 64',
      'nearest: a: memory is 16, needs >= 64',
      "what would do: add a host that meets 'memory >= 64', or leave it out",
    ],
  },
  {
    says: 'a board by a name that is nearly right',
    needs: 'board = r42O',
    hosts: { a: { has: { board: 'r420' } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'board = r42O': the nearest is r420, on a",
      'nearest: a: board is r420, needs = r42O',
      "what would do: add a host that meets 'board = r42O', or leave it out",
    ],
  },
  {
    says: 'what no host is without',
    needs: 'not virtual',
    hosts: { a: { has: { virtual: true } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'not virtual'",
      'nearest: a: virtual is there, and must not be',
      "what would do: add a host that meets 'not virtual', or leave it out",
    ],
  },
  {
    says: 'one of several, and none is there',
    needs: 'root | virtual',
    hosts: { a: {} },
    lines: [
      'the only host can never serve it',
      "no host meets 'root | virtual'",
      'nearest: a: none of these: root is not there; virtual is not there',
      "what would do: add a host that meets 'root | virtual', or leave it out",
    ],
  },
  {
    says: 'two clauses, each met, never together',
    needs: 'root & virtual & memory >= 8',
    hosts: { a: { has: { root: true, memory: '8' } }, b: { has: { virtual: true, memory: '16' } } },
    lines: [
      'none of 2 hosts can ever serve it',
      "no host meets 'root' (1 host) and 'virtual' (1 host) together",
      'nearest: a: virtual is not there',
      'nearest: b: root is not there',
      "what would do: add a host that meets 'root' and 'virtual', or leave one of them out",
    ],
  },
  {
    says: 'three clauses, two by two met, never all',
    needs: 'root & virtual & memory >= 8',
    hosts: {
      a: { has: { root: true, virtual: true, memory: '4' } },
      b: { has: { virtual: true, memory: '16' } },
      c: { has: { root: true, memory: '16' } },
    },
    lines: [
      'none of 3 hosts can ever serve it',
      "no host meets 'memory >= 8' (2 hosts), 'root' (2 hosts) and 'virtual' (2 hosts) together",
      'nearest: a: memory is 4, needs >= 8',
      'nearest: b: root is not there',
      'nearest: c: virtual is not there',
      "what would do: add a host that meets 'memory >= 8', 'root' and 'virtual', or leave one of them out",
    ],
  },
  {
    says: 'a derived tag, seen through',
    needs: 'real_root',
    hosts: { a: { has: { root: true, virtual: true } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'real_root'",
      'nearest: a: real_root is not there (virtual is there, and must not be)',
      "what would do: add a host that meets 'real_root', or leave it out",
    ],
  },
  {
    says: 'a card that sits elsewhere',
    needs: 'pci 10de:1b80 @ 01:00.0',
    hosts: { a: { has: { pci: [card('0000:02:00.0', '10de:1b80')] } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'pci 10de:1b80 @ 01:00.0': without '@ 01:00.0' a would do",
      'nearest: a: none of 1 pci there will do, needs pci 10de:1b80 @ 01:00.0',
      "what would do: add a host that meets 'pci 10de:1b80 @ 01:00.0', or leave it out",
    ],
  },
  {
    says: 'a card that is nowhere',
    needs: 'pci 10de:1b80',
    hosts: { a: { has: { pci: [card('0000:02:00.0', '8086:1572')] } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'pci 10de:1b80'",
      'nearest: a: none of 1 pci there will do, needs pci 10de:1b80',
      "what would do: add a host that meets 'pci 10de:1b80', or leave it out",
    ],
  },
  {
    says: 'cards that are too slow',
    needs: 'pci 8086:1572 speed >= 10',
    hosts: {
      a: { has: { pci: [card('0000:02:00.0', '8086:1572', '1'), card('0000:03:00.0', '8086:1572', '5')] } },
    },
    lines: [
      'the only host can never serve it',
      "no host meets 'pci 8086:1572 speed >= 10': the nearest has speed 5, on a; without 'speed >= 10' a would do",
      'nearest: a: none of 2 pci there will do, needs pci 8086:1572 speed >= 10',
      "what would do: add a host that meets 'pci 8086:1572 speed >= 10', or leave it out",
    ],
  },
  {
    says: 'one card where two are wanted',
    needs: 'pci 8086:1572 x 2',
    hosts: { a: { has: { pci: [card('0000:02:00.0', '8086:1572')] } } },
    lines: [
      'the only host can never serve it',
      "no host meets 'pci 8086:1572 x 2': without 'x 2' a would do",
      'nearest: a: 1 of 1 pci there will do, needs pci 8086:1572 x 2',
      "what would do: add a host that meets 'pci 8086:1572 x 2', or leave it out",
    ],
  },
  {
    says: 'a step that gives what is missing',
    needs: 'root',
    hosts: { a: {} },
    steps: { root: { step: 'become-root', costS: 1200 } },
    lines: [
      'can start now: 1 host could serve it, 1 free',
      'a is brought there by become-root (about 20 min), and is free',
    ],
  },
  {
    says: 'a step, on a host that is offline',
    needs: 'root',
    hosts: { a: { offline: true } },
    steps: { root: { step: 'become-root', costS: 60 } },
    lines: [
      '1 host could serve it, and it is not up',
      'a is brought there by become-root (about 60 s), but it is offline',
      'what would do: bring a back; become-root on a',
    ],
  },
  {
    says: 'a step that may not run there',
    needs: 'root',
    hosts: { a: {} },
    steps: {
      root: { step: 'become-root', costS: 60, not: 'step become-root (layer image) may not run on a' },
    },
    lines: [
      'the only host can never serve it',
      "no host meets 'root'",
      'nearest: a: root is not there; steps do not help: step become-root (layer image) may not run on a',
      "what would do: add a host that meets 'root', or leave it out",
    ],
  },
  {
    says: 'the dear host that has it before the cheap one that is busy',
    needs: 'root',
    hosts: { a: { taken: 1 }, b: {}, c: root },
    steps: { root: { step: 'become-root', costS: 60 } },
    lines: [
      'can start now: 3 hosts could serve it, 2 free and 1 busy',
      'c has all of it, and is free',
      'b is brought there by become-root (about 60 s), and is free',
      'a is brought there by become-root (about 60 s), and is busy',
    ],
  },
  {
    says: 'where it stands, with all seats taken',
    needs: 'root',
    hosts: { a: { ...root, taken: 1 } },
    queue: { place: 3, of: 17, ahead: 2, typicalS: 300, freeInS: [120] },
    lines: [
      'waits for a free seat: 1 host could serve it, 1 busy',
      'a has all of it, and is busy',
      'number 3 of 17 in the queue, likely to start in about 12 min',
    ],
  },
  {
    says: 'next, and a seat is free',
    needs: 'root',
    hosts: { a: root },
    queue: { place: 1, of: 1, ahead: 0, freeInS: [0] },
    lines: [
      'can start now: 1 host could serve it, 1 free',
      'a has all of it, and is free',
      'next in the queue, likely to start at once',
    ],
  },
  {
    says: 'when runs end is not known',
    needs: 'root',
    hosts: { a: { ...root, taken: 1 } },
    queue: { place: 2, of: 2, ahead: 1, freeInS: [30] },
    lines: [
      'waits for a free seat: 1 host could serve it, 1 busy',
      'a has all of it, and is busy',
      'number 2 of 2 in the queue; when it starts cannot be said: no run like those before it has ended yet, so how long they take is not known',
    ],
  },
  {
    says: 'only the nearest are named',
    needs: 'root & virtual',
    hosts: { d: {}, c: { has: { virtual: null } }, b: { has: { root: true } }, a: {} },
    most: 2,
    lines: [
      'none of 4 hosts can ever serve it',
      "no host meets 'root' (1 host) and 'virtual' (no host, 1 not known) together",
      'nearest: b: virtual is not there',
      'nearest: c: root is not there; virtual is not known there',
      "what would do: add a host that meets 'root' and 'virtual', or leave one of them out",
    ],
  },
  {
    says: 'each can be had by a step, and not both',
    needs: 'root & virtual',
    hosts: { a: {} },
    steps: { root: { step: 'become-root', costS: 60 }, virtual: { step: 'start-vm', costS: 60 } },
    together: 'no order of the steps gives root, virtual on a',
    lines: [
      'the only host can never serve it',
      'each clause can be had, but not all at once: no order of the steps gives root, virtual on a',
      'nearest: a: root is not there; virtual is not there; steps do not help: no order of the steps gives root, virtual on a',
    ],
  },
  {
    says: 'hosts that it may not use are not counted where others serve it',
    needs: 'root',
    hosts: { a: { ...root, barred: 'pool lab is for project kernel' }, b: { ...root, taken: 1 } },
    lines: ['waits for a free seat: 1 host could serve it, 1 busy', 'b has all of it, and is busy'],
  },
];

describe('an explanation says', () => {
  it.each(CASES)('$says', ({ lines, ...question }) => {
    expect(inWords(explain(asked(question)))).toEqual(lines);
  });
});
