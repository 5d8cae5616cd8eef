import type { Printed } from '../domain/outcome.js';
import type { TestSpec } from '../domain/test.js';
import type { Attachments } from './attachments.js';
import type { Cases } from './cases.js';
import { LavaCases } from './lava-cases.js';
import { LavaOutput } from './lava-output.js';
import type { Observer } from './observe/observer.js';
import type { Spoken } from './session.js';
import { TapOutput } from './tap-output.js';

/** What is heard of a test while it runs: what its helpers say, and what it prints, as its file asks to read it. */
export class Hearing {
  private readonly lava: LavaCases | undefined;
  private readonly output: LavaOutput | TapOutput | undefined;

  constructor(
    test: TestSpec,
    private readonly cases: Cases,
    readonly observer: Observer | undefined,
    private readonly attachments: Attachments,
  ) {
    this.lava = test.lava && new LavaCases(cases);
    if (test.lava !== undefined && this.lava !== undefined)
      this.output = new LavaOutput(test.lava.parse, this.lava, (bytes) => observer?.printed(bytes));
    else if (test.output !== undefined) this.output = new TapOutput(test.output, cases);
  }

  /** What a helper on the host said, and what it is answered. */
  heard(spoken: Spoken): string {
    const { phase, at, words } = spoken;
    if (this.observer?.heard(spoken)) return 'ok';
    if (phase !== 'test') return 'no test is running';
    const [word, ...rest] = words;
    if (word === 'case') return this.cases.take(rest, at);
    if (word === 'attach') return this.attachments.take(rest);
    return this.lava?.take(words, at) ?? 'not understood';
  }

  /** What the test prints. */
  take(bytes: Buffer): void {
    this.output?.take(bytes);
  }

  /** The test has ended: what is to be said of all that it printed. */
  end(): Printed | undefined {
    return this.output?.end();
  }
}
