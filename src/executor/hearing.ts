import type { Printed } from '../domain/outcome.js';
import type { TestSpec } from '../domain/test.js';
import type { HandlerNews } from '../ports/handlers.js';
import type { Attachments } from './attachments.js';
import type { Cases } from './cases.js';
import type { Handling } from './handling.js';
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
    private readonly handling: Handling | undefined,
  ) {
    this.lava = test.lava && new LavaCases(cases, (news) => this.tell(news));
    if (test.lava !== undefined && this.lava !== undefined)
      this.output = new LavaOutput(test.lava.parse, this.lava, (bytes) => observer?.printed(bytes));
    else if (test.output !== undefined) this.output = new TapOutput(test.output, cases);
  }

  /** What a helper on the host said, and what it is answered. */
  heard(spoken: Spoken): string | Promise<string> {
    const { phase, at, words } = spoken;
    if (this.observer?.heard(spoken)) return 'ok';
    if (phase !== 'test') return 'no test is running';
    const [word, ...rest] = words;
    if (word === 'case') return this.cases.take(rest, at);
    if (word === 'signal') return this.tell(signalOf(rest));
    if (word === 'attach') return this.attachments.take(rest);
    return this.lava?.take(words, at) ?? 'not understood';
  }

  /** Handlers act upon it, where there are any. */
  private tell(news: HandlerNews): string | Promise<string> {
    return this.handling?.tell(news) ?? 'ok';
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

/** What `testyard-signal` says: that a case begins or ends, or something of the test's own. */
function signalOf([name = '', ...words]: readonly string[]): HandlerNews {
  const [first = ''] = words;
  if (name === 'case-start') return { event: 'case_start', case: first };
  if (name === 'case-end') return { event: 'case_end', case: first };
  return { event: 'signal', name, words };
}
