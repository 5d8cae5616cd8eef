import { z } from 'zod';

/** The way to a value within JSON; a number is the place in a list. */
export type Way = readonly (string | number)[];

interface Described {
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
  readonly additionalProperties?: Described | boolean;
  readonly anyOf?: readonly Described[];
  readonly oneOf?: readonly Described[];
  readonly allOf?: readonly Described[];
}

/** Every place at which a schema knows a value: in lists the first, of free names the one called `A`. */
export function placesOf(schema: z.ZodType): readonly Way[] {
  const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described;
  const ways = new Map<string, Way>();
  const walk = (node: Described, way: Way) => {
    ways.set(JSON.stringify(way), way);
    for (const [key, inner] of Object.entries(node.properties ?? {})) walk(inner, [...way, key]);
    if (node.items !== undefined) walk(node.items, [...way, 0]);
    if (typeof node.additionalProperties === 'object') walk(node.additionalProperties, [...way, 'A']);
    for (const form of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) walk(form, way);
  };
  walk(described, []);
  return [...ways.values()];
}

/** A copy with this value at that place; what was missing on the way is made. */
export function withValue(root: unknown, way: Way, value: unknown): unknown {
  const [step, ...rest] = way;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list = Array.isArray(root) ? [...root] : [];
    list[step] = withValue(list[step], rest, value);
    return list;
  }
  const map = typeof root === 'object' && root !== null && !Array.isArray(root) ? root : {};
  return { ...map, [step]: withValue((map as Record<string, unknown>)[step], rest, value) };
}
