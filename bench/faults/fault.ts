import type { Inventory } from '../../src/domain/inventory.js';
import { versionsIn } from '../../src/domain/step.js';
import type { Piece, Turn } from '../sim/fate.js';
import { ownerOf } from './lab.js';

/** Whose failure a fault is, as an incident says it; `nobody`: no owner is to be told of anything. */
export interface Truth {
  readonly scope: 'host' | 'step' | 'resource' | 'pool' | 'image' | 'change' | 'test' | 'nobody';
  readonly of: string;
  readonly owner: string;
}

/** One fault, from when to when, and what it does to pieces of work. */
export interface Fault {
  readonly id: number;
  readonly kind: string;
  readonly truth: Truth;
  /** Several hosts or steps have it in common: no single host is to be quarantined for it. */
  readonly isShared: boolean;
  readonly fromS: number;
  /** Later once it has struck. */
  untilS: number;
  /** What comes of a piece while it lasts; undefined: it is no concern of this fault's. */
  readonly strike: (piece: Piece, turn: Turn | undefined, chance: () => number) => Turn | undefined;
  /** Hosts that are really unable to work while it lasts: none of them stands idle needlessly. */
  readonly disables: readonly string[];
}

/** Where a fault is injected: what it hits is rolled. */
export interface Scene {
  readonly inventory: Inventory;
  readonly id: number;
  readonly fromS: number;
  readonly untilS: number;
  readonly roll: () => number;
}

type Make = (scene: Scene) => Omit<Fault, 'id' | 'kind' | 'fromS' | 'untilS'>;

const LOST = { takesS: 15 } as const;

/** The kinds of faults, by name. */
export const KINDS: Readonly<Record<string, Make>> = {
  'host unreachable': ofHost(({ what }) => lost('no route to host', what === 'connect' ? 15 : 45)),
  'host slow': ofHost((piece, turn) => slow(piece, turn, 6)),
  'disk full': ofHost(({ what }) =>
    what === 'connect' || what === 'chain' ? lost('no space left on device', 1, true) : undefined,
  ),
  'package mirror down': ofResource('mirror', 'could not connect to mirror'),
  'mirror serves a broken package': (scene) => {
    const version = pick(['libfoo 1.2', 'libbar 2.0'], scene.roll);
    const steps = scene.inventory.steps.filter((step) => versionsIn(step).includes(version));
    // Several people put it in: the first by the name of the step speaks for them.
    const [first] = [...steps].sort((a, b) => a.name.localeCompare(b.name));
    return {
      truth: { scope: 'change', of: version, owner: first?.owner ?? '' },
      isShared: true,
      disables: [],
      strike: ({ step }) =>
        step && steps.some(({ name }) => name === step.name)
          ? { takesS: 5, result: 'failed', message: `error processing ${version}: exit 1` }
          : undefined,
    };
  },
  'image server slow': (scene) => ({
    ...ofResource('image-server', '')(scene),
    strike: ({ step }) =>
      step?.uses?.includes('image-server')
        ? { takesS: step.timeoutMs / 1000, result: 'timed_out', message: 'timed out' }
        : undefined,
  }),
  'image corrupt': (scene) => {
    const images = scene.inventory.steps.flatMap(({ action }) =>
      action.kind === 'restore' ? [action.image] : [],
    );
    const image = pick(images, scene.roll);
    return {
      truth: { scope: 'image', of: image, owner: ownerOf(`restore-${image}`) },
      isShared: true,
      disables: [],
      strike: ({ step }) =>
        step?.name === `restore-${image}`
          ? { takesS: 20, result: 'failed', message: 'its digest is another' }
          : undefined,
    };
  },
  'DNS gone': ofResource('dns', 'temporary failure in name resolution'),
  'BMC dead': ofHost(
    ({ step }) =>
      step?.action.kind === 'restore'
        ? { takesS: 30, result: 'failed', message: 'the BMC does not answer' }
        : undefined,
    false,
  ),
  'step broken by its author': ofStep(() => ({ takesS: 2, result: 'failed', message: 'syntax error' })),
  'step that lies': ofStep(() => ({ lies: true })),
  'executor dies': () => ({
    truth: { scope: 'nobody', of: '', owner: '' },
    isShared: true,
    disables: [],
    strike: () => undefined,
  }),
  'clock jump on a host': ofHost(
    ({ step }) =>
      step?.uses?.includes('dns')
        ? { takesS: 3, result: 'failed', message: 'certificate is not yet valid' }
        : undefined,
    false,
  ),
  'sshd refuses': ofHost(({ what }) => (what === 'connect' ? lost('connection refused', 1) : undefined)),
  'test that kills its host': (scene) => {
    const test = pick(wellTests(scene), scene.roll);
    const down = new Map<string, number>();
    return {
      truth: { scope: 'test', of: test, owner: ownerOf(test) },
      isShared: true,
      disables: [],
      strike: ({ what, assignment, host, atS }) => {
        if ((down.get(host.name) ?? 0) > atS) return lost('no route to host', 15);
        if (what !== 'test' || assignment.test.name !== test) return undefined;
        down.set(host.name, atS + 150);
        return { ...lost('the connection ended', 40), boots: true };
      },
    };
  },
  'pool switch down': (scene) => {
    const pool = pick(scene.inventory.pools, scene.roll).name;
    const hosts = scene.inventory.hosts.filter((host) => host.pool === pool).map(({ name }) => name);
    return ofHosts(hosts, { scope: 'pool', of: pool, owner: ownerOf(pool) }, 'no route to host');
  },
  'resource limit exhausted': ofResource('licences', 'no licence is free'),
  'credentials expired': (scene) => onKey(scene, ['key-even', 'key-odd'], 'permission denied (publickey)'),
  'feed of power fails': (scene) => onKey(scene, ['feed-1', 'feed-2'], 'no route to host'),
  'setup broken by its author': (scene) => {
    const test = pick(wellTests(scene), scene.roll);
    return {
      truth: { scope: 'test', of: test, owner: ownerOf(test) },
      isShared: true,
      disables: [],
      strike: ({ what, assignment }) =>
        what === 'setup' && assignment.test.name === test
          ? { takesS: 2, result: 'failed', message: 'no such database' }
          : undefined,
    };
  },
};

function ofHost(strike: (piece: Piece, turn: Turn | undefined) => Turn | undefined, isDisabled = true): Make {
  return ({ inventory, roll }) => {
    const { name } = pick(inventory.hosts, roll);
    return {
      truth: { scope: 'host', of: name, owner: ownerOf(name) },
      isShared: false,
      disables: isDisabled ? [name] : [],
      strike: (piece, turn) => (piece.host.name === name ? strike(piece, turn) : undefined),
    };
  };
}

function ofResource(resource: string, message: string): Make {
  return () => ({
    truth: { scope: 'resource', of: resource, owner: ownerOf(resource) },
    isShared: true,
    disables: [],
    strike: ({ step }) =>
      step?.uses?.includes(resource) ? { takesS: 5, result: 'failed', message } : undefined,
  });
}

function ofStep(turn: () => Turn): Make {
  return ({ inventory, roll }) => {
    const scripts = inventory.steps.filter(({ action }) => action.kind === 'script');
    const { name } = pick(scripts, roll);
    return {
      truth: { scope: 'step', of: name, owner: ownerOf(name) },
      isShared: true,
      disables: [],
      strike: ({ step }) => (step?.name === name ? turn() : undefined),
    };
  };
}

function onKey({ inventory, roll }: Scene, names: readonly string[], message: string) {
  const resource = pick(names, roll);
  const hosts = inventory.hosts.filter((one) => one.resources.includes(resource)).map(({ name }) => name);
  return ofHosts(hosts, { scope: 'resource', of: resource, owner: ownerOf(resource) }, message);
}

function ofHosts(hosts: readonly string[], truth: Truth, message: string): ReturnType<Make> {
  const permission = message.startsWith('permission');
  return {
    truth,
    isShared: true,
    disables: hosts,
    // A key is asked for at the door only.
    strike: ({ what, host }) =>
      hosts.includes(host.name) && (what === 'connect' || !permission)
        ? lost(message, what === 'connect' ? LOST.takesS : 45)
        : undefined,
  };
}

function lost(message: string, takesS: number, back = false): Turn {
  return { takesS, lost: { error: 'lost', message, back } };
}

/** Everything takes longer there; what then exceeds its limit is cut off by it. */
function slow({ what, step, takesS, assignment }: Piece, turn: Turn | undefined, factor: number): Turn {
  const thenS = (turn?.takesS ?? takesS) * factor;
  const limitS = (step?.timeoutMs ?? assignment.test.timeoutMs) / 1000;
  if (thenS <= limitS) return { ...turn, takesS: thenS };
  if (what === 'chain') return { takesS: limitS, result: 'timed_out', message: 'timed out' };
  if (what !== 'test') return { ...turn, takesS: limitS };
  const outcome = { kind: 'timed_out', afterMs: limitS * 1000, hostAnswered: true } as const;
  return { takesS: limitS, outcome };
}

function wellTests({ inventory }: Scene): readonly string[] {
  return inventory.tests.filter(({ labels }) => !labels.includes('red')).map(({ name }) => name);
}

function pick<Item>(items: readonly Item[], roll: () => number): Item {
  const item = items[Math.floor(roll() * items.length)];
  if (item === undefined) throw new Error('there is nothing to choose from');
  return item;
}
