import type { Requirement } from '../requirement.js';
import type { Column } from './column.js';
import type { DeviceColumn, DeviceRequirement } from './device-column.js';
import type { Range, RangePart, ValueColumn } from './value-column.js';

/** A requirement with its names looked up, ready to be asked again and again. */
export type Program =
  | { readonly kind: 'there'; readonly column: Column }
  | {
      readonly kind: 'range';
      readonly column: ValueColumn;
      /** All of these hold. */
      readonly parts: readonly RangePart[];
      /** What they admit together, found again where the column's dictionary has changed. */
      range: Range;
    }
  | {
      readonly kind: 'device';
      readonly column: DeviceColumn;
      readonly key: string;
      readonly asked: DeviceRequirement;
    }
  /** Nobody knows of any host. */
  | { readonly kind: 'unknown' }
  /** What no column answers is asked of the hosts one by one. */
  | { readonly kind: 'each'; readonly asked: Requirement }
  | {
      readonly kind: 'all';
      /** Answered by sets that are there already. */
      readonly sets: readonly Extract<Program, { kind: 'there' | 'device' }>[];
      readonly ranges: readonly Extract<Program, { kind: 'range' }>[];
      readonly others: readonly Exclude<Program, { kind: 'there' | 'device' | 'range' | 'all' }>[];
    }
  | { readonly kind: 'any'; readonly of: readonly Program[] }
  | { readonly kind: 'not'; readonly of: Program };

/** One program for all of these: what costs least and leaves least first, inner conjunctions flattened. */
export function allOf(parts: readonly Program[]): Program {
  const sets: Extract<Program, { kind: 'there' | 'device' }>[] = [];
  const ranges: RangeProgram[] = [];
  const others: Exclude<Program, { kind: 'there' | 'device' | 'range' | 'all' }>[] = [];
  for (const part of parts) {
    if (part.kind === 'there' || part.kind === 'device') sets.push(part);
    else if (part.kind === 'range') addRange(ranges, part);
    else if (part.kind === 'all') {
      sets.push(...part.sets);
      for (const range of part.ranges) addRange(ranges, range);
      others.push(...part.others);
    } else others.push(part);
  }
  if (others.length > 1) others.sort((a, b) => Number(a.kind === 'each') - Number(b.kind === 'each'));
  return { kind: 'all', sets, ranges, others };
}

/** Comparisons of one tag's value. */
export type RangeProgram = Extract<Program, { kind: 'range' }>;

/** Comparisons of one tag become one range where they can. */
function addRange(ranges: RangeProgram[], part: RangeProgram): void {
  const same = ranges.findIndex((range) => range.column === part.column);
  if (same >= 0) {
    const parts = [...(ranges[same]?.parts ?? []), ...part.parts];
    const range = part.column.range(parts);
    if (range !== undefined) {
      ranges[same] = { kind: 'range', column: part.column, parts, range };
      return;
    }
  }
  ranges.push(part);
}
