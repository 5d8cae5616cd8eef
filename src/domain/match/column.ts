import type { Presence, TagFacts } from '../tag.js';
import { type Bits, noBits, putBit, widened } from './bits.js';

/** What two sets say of a formula: the hosts on which it holds, and those on which it is not known to fail. */
export interface Sets {
  readonly yes: Bits;
  readonly maybe: Bits;
}

/** A tag over all hosts, kept up to date host by host. */
export interface Column {
  /** Reads one host's facts again. */
  put(host: number, facts: TagFacts): void;
  /** Makes room for more hosts. */
  widen(hosts: number): void;
  /** The hosts that have the tag, and those not known to lack it. */
  readonly there: Sets;
}

/** Whether the tag is there, host by host: all that a flag is, and what every other kind is as well. */
export class PresenceColumn implements Column {
  there: Sets;

  constructor(
    readonly tag: string,
    hosts: number,
  ) {
    this.there = { yes: noBits(hosts), maybe: noBits(hosts) };
  }

  put(host: number, facts: TagFacts): void {
    this.mark(host, facts(this.tag).presence);
  }

  mark(host: number, presence: Presence): void {
    putBit(this.there.yes, host, presence === 'present');
    putBit(this.there.maybe, host, presence !== 'absent');
  }

  widen(hosts: number): void {
    this.there = { yes: widened(this.there.yes, hosts), maybe: widened(this.there.maybe, hosts) };
  }
}
