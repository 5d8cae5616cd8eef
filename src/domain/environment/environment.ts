/** Parts of an environment record that the executor sees on the host. */
export const SEEN_PARTS = [
  'system',
  'command-line',
  'packages',
  'modules',
  'sysctls',
  'firmware',
  'hardware',
] as const;

/** See above. */
export type SeenPart = (typeof SEEN_PARTS)[number];

/** All parts: what is seen, and what the grid knows. */
export const ENVIRONMENT_PARTS = [...SEEN_PARTS, 'stack', 'source'] as const;

/** See above. */
export type EnvironmentPart = (typeof ENVIRONMENT_PARTS)[number];

/** Values by name, in order of names; '' where being there is all there is to say. */
export type PartContent = Readonly<Record<string, string>>;

/** What a test ran on, part by part; one that is not there could not be looked at. */
export type Environment = Readonly<Partial<Record<EnvironmentPart, PartContent>>>;

/** The value of what nobody could look at. */
export const NOT_SEEN = '?';

/** Something in which two environments differ; a side that does not have it says nothing. */
export interface EnvironmentChange {
  readonly part: EnvironmentPart;
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

/** All in which two environments differ, and the parts of which that cannot be said. */
export interface EnvironmentDiff {
  readonly changes: readonly EnvironmentChange[];
  /** Parts that one of the two does not have, or has with values that nobody could look at. */
  readonly unknown: readonly EnvironmentPart[];
}

/** Compares two environments, part by part and name by name. What one of them could not see is no difference. */
export function diffEnvironments(before: Environment, after: Environment): EnvironmentDiff {
  const changes: EnvironmentChange[] = [];
  const unknown = new Set<EnvironmentPart>();
  for (const part of ENVIRONMENT_PARTS) {
    const [one, other] = [before[part], after[part]];
    if (one === undefined && other === undefined) continue;
    if (one === undefined || other === undefined) {
      unknown.add(part);
      continue;
    }
    for (const name of [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()) {
      const [was, is] = [valueIn(one, name), valueIn(other, name)];
      if (was === is) continue;
      if (was === NOT_SEEN || is === NOT_SEEN) unknown.add(part);
      else
        changes.push({
          part,
          name,
          ...(was === undefined ? {} : { before: was }),
          ...(is === undefined ? {} : { after: is }),
        });
    }
  }
  return { changes, unknown: [...unknown] };
}

/** Names come from hosts: `constructor` may be one. */
function valueIn(content: PartContent, name: string): string | undefined {
  return Object.hasOwn(content, name) ? content[name] : undefined;
}
