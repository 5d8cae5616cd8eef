import type { StepSpec } from '../step.js';

/** A resource that only so many chains may use at a time, and how many do. */
export interface LimitedResource {
  readonly name: string;
  readonly limit: number;
  readonly inUse: number;
}

/** Who uses which resource that has a limit; what is assigned in one go is noted as it is. */
export class ResourceLimits {
  private readonly left: Map<string, number>;

  constructor(private readonly limited: readonly LimitedResource[]) {
    this.left = new Map(limited.map(({ name, limit, inUse }) => [name, limit - inUse]));
  }

  /** The first resource of these steps that as many use already as may; undefined: each has room for one more. */
  full(steps: readonly StepSpec[]): LimitedResource | undefined {
    if (this.limited.length === 0) return undefined;
    const names = namesOf(steps);
    return this.limited.find(({ name }) => names.has(name) && (this.left.get(name) ?? 0) <= 0);
  }

  /** A chain of these steps begins. */
  take(steps: readonly StepSpec[]): void {
    for (const name of namesOf(steps)) {
      const left = this.left.get(name);
      if (left !== undefined) this.left.set(name, left - 1);
    }
  }
}

function namesOf(steps: readonly StepSpec[]): ReadonlySet<string> {
  return new Set(steps.flatMap(({ uses = [] }) => uses));
}
