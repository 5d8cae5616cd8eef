import { inOrder } from '../domain/inventory/declared.js';
import type { HostSpec, ResourceSpec } from '../domain/inventory.js';
import type { TagSpec } from '../domain/tag.js';
import { TAG_OR_FAMILY } from './inventory-tags.js';
import type { Thing } from './inventory-thing.js';
import { shown } from './yaml-source.js';

/**
 * The tags by which tests ask for instruments: an instrument is a flag of its name on each host that it is attached
 * to. Whoever declared a tag of that name can only have meant this one.
 */
export function instrumentTags(
  things: readonly Thing[],
  resources: readonly ResourceSpec[],
  tags: readonly Thing[],
): readonly TagSpec[] {
  return resources.flatMap(({ name, meaning, owner, instrument }): readonly TagSpec[] => {
    if (instrument === undefined) return [];
    const thing = things.find((one) => one.name === name);
    if (!TAG_OR_FAMILY.test(name)) {
      thing?.fields.wrong(
        thing.at,
        `'${shown(name)}' is an instrument, and so a tag too: its name begins with a letter`,
      );
      return [];
    }
    const declared = tags.find((one) => one.name === name);
    if (declared === undefined)
      return [
        { name, meaning, ...(owner === undefined ? {} : { owner }), kind: 'flag', source: { by: 'word' } },
      ];
    for (const key of ['kind', 'probe', 'is', 'decays'])
      if (declared.fields.has(key) && declared.fields.plain(key) !== 'flag')
        declared.fields.wrong(
          declared.fields.at(key),
          `'${name}' is an instrument, so its tag is a flag that its hosts have: leave '${key}' out`,
        );
    return [];
  });
}

/** Hosts with the tags of their instruments; a host that claims an instrument which is not with it is refused. */
export function withInstruments(
  things: readonly Thing[],
  hosts: readonly HostSpec[],
  resources: readonly ResourceSpec[],
): readonly HostSpec[] {
  const instruments = resources.filter(({ instrument }) => instrument !== undefined);
  if (instruments.length === 0) return hosts;
  const attached = new Map(instruments.map(({ name, instrument }) => [name, new Set(instrument?.with)]));
  return hosts.map((host) => {
    const thing = things.find((one) => one.name === host.name);
    for (const { tag } of host.tags)
      if (attached.get(tag)?.has(host.name) === false)
        thing?.fields.wrong(
          thing.fields.has('tags') ? thing.fields.at('tags') : thing.at,
          `'${tag}' is an instrument: name '${host.name}' in its 'with' instead`,
        );
    const more = instruments.filter(
      ({ name }) => attached.get(name)?.has(host.name) && !host.tags.some(({ tag }) => tag === name),
    );
    if (more.length === 0) return host;
    const tags = [...host.tags, ...more.map(({ name }) => ({ tag: name, place: '', raw: '' }))];
    return { ...host, tags: inOrder(tags) };
  });
}
