import { flagSeen, instancesSeen } from '../domain/look/printed.js';
import { familySeen, type Look, readLook, sighted } from '../domain/look/read.js';
import type { Sighting } from '../domain/tag.js';
import type { PlacePlan, TagProbe, TagSeen } from '../protocol/messages.js';
import type { BundledProbe } from './bundle.js';
import { hasPart, lookScript } from './look-script.js';
import type { Session } from './session.js';

/** A tag that the plan wants seen, with what was seen of it. */
export interface Seen extends TagProbe {
  readonly sighting: Sighting;
}

/** All that a plan wants seen, each tag once. */
function wantedBy({ verify, observe = [] }: PlacePlan): readonly TagProbe[] {
  const all = new Map([...observe, ...verify].map((one) => [one.tag, one]));
  return [...all.values()].filter(({ script, part }) => script !== undefined || part !== undefined);
}

const COMMANDS = 'cmd';
const isFamily = ({ tag }: TagProbe) => tag.endsWith(':*');

/** What a session runs to see all that a plan wants: the standard look, where a tag needs it, then the probes. */
export function probesOf(plan: PlacePlan): readonly BundledProbe[] {
  const wanted = wantedBy(plan);
  const looks = wanted.filter(({ part }) => part !== undefined);
  const parts = new Set(looks.flatMap(({ part = '' }) => (hasPart(part) ? [part] : [])));
  const commands = looks.filter((one) => one.part === COMMANDS && !isFamily(one));
  const names = new Set(commands.map(({ tag }) => tag.slice(`${COMMANDS}:`.length)));
  names.delete('');
  const look = { parts: [...parts], commands: [...names] };
  return [
    ...(looks.length > 0 ? [{ script: lookScript(look), prints: true }] : []),
    ...wanted.flatMap(({ part, script = '', kind }) =>
      part === undefined ? [{ script, prints: kind !== undefined && kind !== 'flag' }] : [],
    ),
  ];
}

/** What a session has seen of what its plan wants; it ran what `probesOf` gave for the same plan. */
export function seenIn(session: Pick<Session, 'probes' | 'told'>, plan: PlacePlan): readonly Seen[] {
  const wanted = wantedBy(plan);
  const looked = wanted.some(({ part }) => part !== undefined);
  const look: Look = looked ? readLook(session.told[0] ?? []) : new Map();
  let next = looked ? 1 : 0;
  return wanted.map((one) => {
    const { tag, part, kind = 'flag' } = one;
    if (part !== undefined) {
      return { ...one, sighting: isFamily(one) ? familySeen(look, part, tag) : sighted(look, part, tag) };
    }
    const index = next++;
    const code = session.probes[index];
    const sighting = kind === 'flag' ? flagSeen(code) : instancesSeen(kind, code, session.told[index] ?? []);
    return { ...one, sighting };
  });
}

/** What one event may carry; a host that says more is not believed to know. */
const MOST_TOLD_CHARS = 512 * 1024;

/** What was seen, as it is reported: instances only where they say more than that the tag is there. */
export function toldOf(seen: readonly Seen[]): TagSeen[] {
  let left = MOST_TOLD_CHARS;
  return seen.map(({ tag, part, sighting }) => {
    const source = part === undefined ? 'probe' : 'look';
    if (sighting.presence !== 'present') return { tag, presence: sighting.presence, source };
    const instances = sighting.instances.filter(({ place, raw }) => place !== '' || raw !== '');
    if (instances.length === 0) return { tag, presence: 'present', source };
    const size = JSON.stringify(instances).length;
    if (size > left) return { tag, presence: 'unknown', source };
    left -= size;
    return { tag, presence: 'present', source, instances };
  });
}
