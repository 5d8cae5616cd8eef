import {
  DEFAULT_POOL,
  DEFAULT_TYPE,
  type HostSpec,
  type HostType,
  type PoolSpec,
  type ResourceSpec,
} from '../domain/inventory.js';
import { nearest } from '../domain/language/nearest.js';
import type { StepSpec } from '../domain/step.js';
import type { Thing } from './inventory-thing.js';
import { shown } from './yaml-source.js';

/** What things of an inventory are called. */
interface Named {
  readonly pools: readonly PoolSpec[];
  readonly resources: readonly ResourceSpec[];
  readonly types: readonly HostType[];
  readonly hosts: readonly HostSpec[];
  readonly steps: readonly StepSpec[];
}

/**
 * Refuses names of pools, types, resources and hosts that nobody declared. Pools and types are free words as long
 * as none at all is declared, so that a small lab needs neither.
 */
export function checkNames(
  things: Readonly<Record<'type' | 'host' | 'step' | 'resource', readonly Thing[]>>,
  { pools, resources, types, hosts }: Named,
): void {
  const poolNames = pools.length === 0 ? undefined : [DEFAULT_POOL, ...pools.map(({ name }) => name)];
  const typeNames = types.length === 0 ? undefined : [DEFAULT_TYPE, ...types.map(({ name }) => name)];
  const resourceNames = resources.map(({ name }) => name);
  const instruments = new Set(resources.flatMap((one) => (one.instrument === undefined ? [] : [one.name])));
  for (const thing of [...things.type, ...things.host]) {
    one(thing, 'pool', poolNames);
    one(thing, 'type', typeNames);
    each(thing, 'resources', 'resource', resourceNames);
    for (const name of itemsOf(thing, 'resources'))
      if (instruments.has(name))
        thing.fields.wrong(
          thing.fields.itemAt('resources', name),
          `'${name}' is an instrument: name this host in its 'with' instead`,
        );
  }
  for (const thing of things.step) each(thing, 'uses', 'resource', resourceNames);
  const hostNames = hosts.map(({ name }) => name);
  for (const thing of things.resource) each(thing, 'with', 'host', hostNames);
}

function one({ fields }: Thing, key: 'pool' | 'type', known: readonly string[] | undefined): void {
  const name = fields.plain(key);
  if (name !== undefined && known !== undefined && !known.includes(name))
    fields.wrong(fields.at(key), unknown(key, name, known));
}

function each(thing: Thing, key: string, kind: string, known: readonly string[]): void {
  const all = new Set(known);
  for (const name of itemsOf(thing, key))
    if (!all.has(name)) thing.fields.wrong(thing.fields.itemAt(key, name), unknown(kind, name, known));
}

function itemsOf({ fields }: Thing, key: string): readonly string[] {
  const source = fields.source(key);
  const items = source?.kind === 'list' ? source.items : source === undefined ? [] : [source];
  return items.slice(0, 500).flatMap((item) => (item.kind === 'text' ? [item.text.trim()] : []));
}

function unknown(kind: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const plural = `${kind}s`;
  const hint = near === undefined ? `it is declared nowhere in ${plural}.yaml` : `did you mean '${near}'?`;
  return `unknown ${kind} '${shown(name)}': ${hint}`;
}
