import type { Instance } from '../tag.js';
import { type Bits, putBit } from './bits.js';

/** One side of a tag's devices (id, place or an attribute) over all hosts: which hosts have which value of it. */
export class Facet {
  private readonly hostsOf = new Map<string, Set<number>>();
  /** Hosts with a device of which this side is not known. */
  private readonly lacking = new Set<number>();

  constructor(private readonly sideOf: (instance: Instance) => string | undefined) {}

  put(host: number, instances: readonly Instance[]): void {
    for (const instance of instances) {
      const value = this.sideOf(instance);
      if (value === undefined) {
        this.lacking.add(host);
        continue;
      }
      const hosts = this.hostsOf.get(value);
      if (hosts === undefined) this.hostsOf.set(value, new Set([host]));
      else hosts.add(host);
    }
  }

  drop(host: number, instances: readonly Instance[]): void {
    this.lacking.delete(host);
    for (const instance of instances) {
      const value = this.sideOf(instance);
      if (value === undefined) continue;
      const hosts = this.hostsOf.get(value);
      hosts?.delete(host);
      if (hosts?.size === 0) this.hostsOf.delete(value);
    }
  }

  /** Puts in every host with a device whose value is one of those wanted. */
  mark(into: Bits, wanted: (value: string) => boolean, orLacking: boolean): void {
    for (const [value, hosts] of this.hostsOf) {
      if (wanted(value)) for (const host of hosts) putBit(into, host, true);
    }
    if (orLacking) for (const host of this.lacking) putBit(into, host, true);
  }
}
