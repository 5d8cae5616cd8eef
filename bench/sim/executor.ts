import type { Catalogue } from '../../src/domain/tag.js';
import type { GridLink } from '../../src/protocol/grid-link.js';
import type { Assignment } from '../../src/protocol/messages.js';
import { LeaseDead, PROTOCOL } from '../../src/protocol/terms.js';
import type { Agenda } from './agenda.js';
import { Killed, play, type Told } from './attempt.js';
import type { Fate } from './fate.js';
import type { SimHost } from './host.js';

/** What a simulated executor works with. */
export interface SimHands {
  readonly link: GridLink;
  readonly agenda: Agenda;
  readonly hosts: ReadonlyMap<string, SimHost>;
  readonly catalogue: () => Catalogue;
  readonly fate: Fate;
}

interface Open {
  readonly assignment: Assignment;
  readonly told: Generator<Told, void, void>;
  seq: number;
  stopped: boolean;
}

/** An executor whose hosts are made up. It speaks the protocol as a real one does: register, claim, renew, report. */
export class SimExecutor {
  private lease = '';
  private starts = 0;
  private readonly open = new Map<string, Open>();

  constructor(
    readonly name: string,
    private readonly hands: SimHands,
  ) {}

  get alive(): boolean {
    return this.lease !== '';
  }

  /** Starts, anew where it has died: an incarnation and a lease of its own. */
  async start(): Promise<void> {
    this.open.clear();
    this.starts += 1;
    const incarnation = `${this.name}-incarnation-${this.starts}`;
    const { lease } = await this.hands.link.register({
      executor: this.name,
      incarnation,
      protocol: PROTOCOL,
      capacity: 10_000,
    });
    this.lease = lease;
  }

  /** Is killed: what it was about stays on the hosts as it is, and nobody tells. */
  die(): void {
    for (const { told } of this.open.values()) told.throw(new Killed());
    this.open.clear();
    this.lease = '';
  }

  /** Says that it lives; attempts that are no longer its own end quietly. */
  async renew(): Promise<void> {
    if (!this.alive) return;
    try {
      const attempts = [...this.open.keys()];
      const { stop, gone } = await this.hands.link.renew({ lease: this.lease, attempts, draining: false });
      for (const { attempt } of stop) this.stop(attempt);
      for (const attempt of gone) this.open.delete(attempt);
    } catch (error) {
      if (!(error instanceof LeaseDead)) throw error;
      await this.start();
    }
  }

  /** Takes what there is to do; true where something is begun. */
  async claim(): Promise<boolean> {
    if (!this.alive) return false;
    const { assignments, stop } = await this.hands.link.claim({ lease: this.lease, waitMs: 0 });
    for (const { attempt } of stop) this.stop(attempt);
    const fresh = assignments.filter(({ attempt }) => !this.open.has(attempt));
    for (const assignment of fresh) this.begin(assignment);
    return fresh.length > 0;
  }

  private stop(attempt: string): void {
    const open = this.open.get(attempt);
    if (open !== undefined) open.stopped = true;
  }

  private begin(assignment: Assignment): void {
    const { agenda, catalogue, fate, hosts } = this.hands;
    const host = hosts.get(assignment.places[0]?.host.name ?? '');
    if (host === undefined) throw new Error('an attempt on a host that is not simulated');
    const open: Open = {
      assignment,
      seq: 0,
      stopped: false,
      told: play(assignment, {
        host,
        executor: this.name,
        catalogue: catalogue(),
        fate,
        nowS: () => agenda.nowS,
        isStopped: () => open.stopped,
      }),
    };
    this.open.set(assignment.attempt, open);
    agenda.in(0, () => this.goOn(open));
  }

  /** Tells all that is to be told at this moment; true where the scheduler should hear of it. */
  private async goOn(open: Open): Promise<boolean> {
    const { assignment } = open;
    if (this.open.get(assignment.attempt) !== open) return false;
    const events: Told['events'][number][] = [];
    let thenS: number | undefined;
    while (thenS === undefined) {
      const next = open.told.next();
      if (next.done) break;
      events.push(...next.value.events);
      if (next.value.thenS > 0) thenS = next.value.thenS;
    }
    if (thenS === undefined) this.open.delete(assignment.attempt);
    else this.hands.agenda.in(thenS, () => this.goOn(open));
    if (events.length === 0) return false;
    const entries = events.map((event) => ({
      run: assignment.run,
      attempt: assignment.attempt,
      seq: ++open.seq,
      event,
    }));
    await this.hands.link.report({ lease: this.lease, entries, segments: [] }).catch((error: unknown) => {
      // As a real one: its attempts are over when its lease is, and the next renewal starts it anew.
      if (!(error instanceof LeaseDead)) throw error;
      for (const { told } of this.open.values()) told.throw(new Killed());
      this.open.clear();
    });
    return events.some(({ kind }) => kind === 'decided' || kind === 'ended');
  }
}
