import type { Instance, Sighting, TagSpec } from '../tag.js';
import { MOST_INSTANCES } from './devices.js';
import { shown } from './lines.js';

const UNKNOWN: Sighting = { presence: 'unknown' };

/** What the exit code of a flag's probe says; undefined: it ran out of time. */
export function flagSeen(code: number | undefined): Sighting {
  if (code === 0) return { presence: 'present', instances: [{ place: '', raw: '' }] };
  return code === 1 ? { presence: 'absent' } : UNKNOWN;
}

/**
 * What a probe of another kind printed, a line for each instance: a value, or of a device its place and, after tabs,
 * `attribute=value`. Of lines that are not so, too many, or two devices at one place, none is believed.
 */
export function instancesSeen(
  kind: Exclude<TagSpec['kind'], 'flag'>,
  code: number | undefined,
  lines: readonly string[],
): Sighting {
  if (code !== 0) return UNKNOWN;
  const said = lines.filter((line) => line.trim() !== '');
  if (said.length === 0) return { presence: 'absent' };
  if (said.length > MOST_INSTANCES) return UNKNOWN;
  const instances = said.map((line) =>
    kind === 'device' ? deviceOf(line) : { place: '', raw: shown(line) },
  );
  const whole = instances.filter((instance) => instance !== undefined);
  const places = new Set(whole.map(({ place }) => place));
  if (whole.length < said.length || (kind === 'device' && places.size < whole.length)) return UNKNOWN;
  return { presence: 'present', instances: whole };
}

function deviceOf(line: string): Instance | undefined {
  const [place = '', ...pairs] = line.split('\t');
  const attributes = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [at < 0 ? '' : pair.slice(0, at), shown(pair.slice(at + 1))];
  });
  if (place.trim() === '' || attributes.some(([name]) => !/^[A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name))) {
    return undefined;
  }
  const read = Object.fromEntries(attributes);
  return { place: shown(place), raw: read['id'] ?? '', attributes: read };
}
