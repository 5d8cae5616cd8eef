import type { Id } from '../domain/id.js';
import type { Handout } from '../store/recording.js';

/** An executor's claim that waits for work in this process. */
export interface WaitingClaim {
  /** Resolves when work was handed over, or the executor hung up. */
  readonly work: Promise<void>;
  /** Ends the wait; gives what was handed over, which is this claim's to tell. */
  end(): readonly Handout[];
}

/**
 * The claims that wait in this process, by lease. What the scheduler assigns to one of them is marked as handed
 * out by the assignment itself and handed over when that is committed: no look at the database, and no commit
 * more. A claim that waits in another process is woken and looks for itself. And hints in the other direction: that
 * an outcome or a submission has come.
 */
export class Claims {
  private readonly waiting = new Map<Id, { take(handouts: readonly Handout[]): boolean }>();
  private hasOutcome = false;
  private hasSubmission = false;

  /** Waits for work under a lease until `end`; nothing is handed over once `gone` has aborted. */
  wait(lease: Id, gone?: AbortSignal): WaitingClaim {
    const taken: Handout[] = [];
    let woken = () => {};
    const work = new Promise<void>((resolve) => {
      woken = resolve;
    });
    const claim = {
      take: (handouts: readonly Handout[]) => {
        if (gone?.aborted) return false;
        taken.push(...handouts);
        woken();
        return true;
      },
    };
    this.waiting.set(lease, claim);
    gone?.addEventListener('abort', woken);
    return {
      work,
      end: () => {
        gone?.removeEventListener('abort', woken);
        if (this.waiting.get(lease) === claim) this.waiting.delete(lease);
        return taken;
      },
    };
  }

  /** Whether a claim waits under this lease just now. */
  waits(lease: Id): boolean {
    return this.waiting.has(lease);
  }

  /** Hands over what was assigned to a lease; false where its claim waits no more. */
  give(lease: Id, handouts: readonly Handout[]): boolean {
    return this.waiting.get(lease)?.take(handouts) ?? false;
  }

  /** An outcome is being recorded in this process: the next beat had better look for it at once. */
  outcomeComes(): void {
    this.hasOutcome = true;
  }

  /** Whether an outcome was recorded here since it was last asked; a hint, nothing is lost with it. */
  takeOutcome(): boolean {
    const { hasOutcome } = this;
    this.hasOutcome = false;
    return hasOutcome;
  }

  /** A submission is being accepted in this process: the next beat had better look for it at once. */
  submissionComes(): void {
    this.hasSubmission = true;
  }

  /** Whether a submission was accepted here since it was last asked; a hint, nothing is lost with it. */
  takeSubmission(): boolean {
    const { hasSubmission } = this;
    this.hasSubmission = false;
    return hasSubmission;
  }
}
