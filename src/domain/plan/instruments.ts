import type { LeasedInstrument } from '../handler.js';
import type { Id } from '../id.js';
import { fromCanonical, tagsOf } from '../requirement.js';

/** An instrument that is attached to a host. It serves `units` attempts at a time, whichever of its hosts they are on. */
export interface Instrument {
  readonly id: Id;
  readonly name: string;
  readonly units: number;
  /** Where it answers, for handlers. */
  readonly address?: string;
}

/** A unit of an instrument, counted from 1. */
export interface Unit {
  readonly resource: Id;
  readonly unit: number;
}

/** Instruments as handlers are told of them, with the units that were taken of each. */
export function leased(
  instruments: readonly Instrument[],
  units: readonly Unit[],
): readonly LeasedInstrument[] {
  return instruments.map(({ name, address }, index) => ({
    ...{ name, unit: units[index]?.unit ?? 1 },
    ...(address === undefined ? {} : { address }),
  }));
}

/** Who asks for which instruments, and which units are taken; what is assigned in one go is noted as it is. */
export class UnitsTaken {
  private readonly taken: Map<Id, Set<number>>;
  private readonly tags = new Map<string, ReadonlySet<string>>();

  constructor(taken: ReadonlyMap<Id, ReadonlySet<number>>) {
    this.taken = new Map([...taken].map(([id, units]) => [id, new Set(units)]));
  }

  /** The instruments of a host that a requirement, in canonical spelling, asks for by their tags. */
  asked(requirement: string, attached: readonly Instrument[]): readonly Instrument[] {
    if (attached.length === 0 || requirement === '') return [];
    let tags = this.tags.get(requirement);
    if (tags === undefined) {
      tags = new Set(tagsOf(fromCanonical(requirement)));
      this.tags.set(requirement, tags);
    }
    return attached.filter(({ name }) => tags.has(name));
  }

  /** The first of these instruments that has no unit free; undefined: each has one. */
  busy(instruments: readonly Instrument[]): Instrument | undefined {
    return instruments.find((one) => this.free(one) === undefined);
  }

  /** Takes the first free unit of each; there is one, as `busy` has told. */
  take(instruments: readonly Instrument[]): readonly Unit[] {
    return instruments.map((one) => {
      const unit = this.free(one);
      if (unit === undefined) throw new Error(`no unit of '${one.name}' is free`);
      this.taken.set(one.id, (this.taken.get(one.id) ?? new Set()).add(unit));
      return { resource: one.id, unit };
    });
  }

  private free({ id, units }: Instrument): number | undefined {
    const taken = this.taken.get(id);
    for (let unit = 1; unit <= units; unit++) if (taken?.has(unit) !== true) return unit;
    return undefined;
  }
}
