import type { Fact } from '../../domain/judge/fact.js';
import type { LavaDefinition } from '../../domain/lava/definition.js';
import type { Session, Spoken } from '../session.js';
import { markComparisons } from './comparisons.js';
import { factsOf } from './facts.js';
import { Hints } from './hints.js';
import { askedOf, LOGS, questionOf } from './question.js';
import { START_SCRIPT } from './start-script.js';
import { UNDER_WAY, underWay } from './under-way.js';

/**
 * Watches a test that does its own set-up: what it asks the host for, and what the host did not have. The test meets
 * what it would have met unwatched.
 */
export class Observer {
  private readonly hints = new Hints();
  private watched = false;

  constructor(
    private readonly lava: LavaDefinition,
    private readonly underTest: readonly string[],
  ) {}

  /** Sets up the watch on the host, before anything of the test runs there. */
  async begin(session: Session): Promise<void> {
    const begun = await session.ask(`${markComparisons(this.lava.folder)}${START_SCRIPT}`);
    this.watched = begun?.includes('watched') ?? false;
    session.onLate = async (phase) => {
      if (phase !== 'setup' && phase !== 'test') return;
      const call = underWay((await session.ask(UNDER_WAY)) ?? []);
      if (call !== undefined) this.hints.late(call);
    };
  }

  /** What the test printed. */
  printed(bytes: Buffer): void {
    this.hints.take(bytes);
  }

  /** What somebody on the host said; true where that was for us. What set-up called comes before all output. */
  heard({ phase, at, words }: Spoken): boolean {
    return (phase === 'setup' || phase === 'test') && this.hints.said(words, phase === 'test' ? at : 0);
  }

  /** Where a case was told that is recorded now. */
  placeOfCase(name: string, result: string, at: number): number {
    return this.hints.placeOfCase(name, result, at);
  }

  /** What is known when it has run: the host is asked about all that came up. */
  async facts(session: Session): Promise<readonly Fact[]> {
    this.hints.logged((await session.ask(LOGS)) ?? []);
    const asked = askedOf(this.hints.all, this.lava.deps, this.underTest);
    const told = (await session.ask(questionOf(asked, this.lava.folder))) ?? [];
    // Lists that could not be fetched are a reason only where that was the end of it.
    const hints = this.hints.all.filter(
      (hint) => hint.of !== 'called' || hint.call.of !== 'refresh' || this.hints.isLast(hint),
    );
    return factsOf(hints, told, { watched: this.watched, wanted: asked.wanted });
  }
}
