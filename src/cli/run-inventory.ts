import { readInventory } from '../adapters/inventory-files.js';
import { makeCatalogue } from '../domain/catalogue.js';
import { nearest } from '../domain/language/nearest.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import { whatIsKnown } from '../domain/match/known.js';
import type { TagFacts } from '../domain/tag.js';
import { Failure } from './failure.js';
import { factsHere } from './local-tags.js';
import type { RunPlace } from './place.js';

/** A host of an inventory, with what is declared of it; this machine, with the inventory's words, where none is named. */
export async function placeInInventory(folder: string, name: string | undefined): Promise<RunPlace> {
  const read = await readInventory(folder);
  if (!read.ok) {
    const lines = read.problems.slice(0, 20).map(({ file, line, column, message }) => {
      return `  ${[file, line, column].join(':')}: ${message}`;
    });
    throw new Failure(`the inventory ${folder} is not used\n${lines.join('\n')}`);
  }
  const { inventory } = read;
  const made = makeCatalogue([...STANDARD_TAGS, ...inventory.tags], inventory.aliases);
  if ('problems' in made) throw new Failure(`${folder}: ${made.problems[0]?.message}`);
  const { catalogue } = made;
  const know = (facts: TagFacts) => {
    const { steps, grid } = inventory;
    return async () => ({ catalogue, facts, steps, common: grid.default });
  };
  if (name === undefined) {
    const knowledge = know(factsHere(catalogue, true));
    return { name: 'local', transport: { kind: 'local', network: true }, inventory, knowledge };
  }
  const host = inventory.hosts.find((one) => one.name === name);
  if (host === undefined) {
    const names = inventory.hosts.map((one) => one.name);
    const near = nearest(name, names);
    const hint =
      near === undefined ? `it has ${names.slice(0, 10).join(', ') || 'none'}` : `did you mean '${near}'?`;
    throw new Failure(`the inventory ${folder} has no host '${name}': ${hint}`);
  }
  const tags = host.tags.map((tag) => ({ ...tag, source: 'declared' as const }));
  const declared = whatIsKnown({ tags, looked: new Map(), gives: [], used: false }, catalogue);
  const isLocal = host.transport.kind === 'local';
  const facts: TagFacts = (tag) => (isLocal && tag === 'root' ? { presence: 'absent' } : declared(tag));
  return { name, transport: host.transport, inventory, knowledge: know(facts) };
}
