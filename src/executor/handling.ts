import { fileBeside, type LeasedInstrument } from '../domain/handler.js';
import type { HandlerCode, HandlerNews, HandlerProcess, Handlers, HandlerWord } from '../ports/handlers.js';
import type { Assignment, AttemptEvent, PlacePlan } from '../protocol/messages.js';
import type { Attachments } from './attachments.js';

/** The test waits so long at most for all that a signal sets off, and for the start. */
const SIGNAL_MS = 3000;
const START_MS = 10_000;
/** When the test is over: for each case, and for the whole run. */
const POST_CASE_MS = 5000;
const POST_RUN_MS = 30_000;
/** Of each handler, so that one that floods takes nothing from the others. */
const MOST_WORDS = 10_000;

type SeenCase = Extract<AttemptEvent, { readonly kind: 'case' }>;

/** The handlers of one attempt. What becomes of them never changes what becomes of the test. */
export class Handling {
  private readonly running: HandlerProcess[] = [];
  private readonly words: { readonly handler: string; readonly word: HandlerWord }[] = [];
  private readonly saidBy = new Map<string, number>();
  private readonly notes: { readonly handler: string; readonly why: string }[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly handlers: Handlers,
    private readonly assignment: Assignment,
    private readonly plan: PlacePlan,
    /** What a case is called and came to, in the order in which they were told. */
    private readonly cases: readonly SeenCase[],
  ) {}

  /** Whether any acts for this test. */
  get isWanted(): boolean {
    return this.wanted().size > 0;
  }

  /** Starts them; one that cannot be had is noted. */
  async begin(): Promise<void> {
    const { run, attempt, test } = this.assignment;
    const { host, instruments = [] } = this.plan;
    const wanted = this.wanted();
    for (const asked of test.handlers ?? []) {
      const name = fileBeside(asked) ?? asked;
      if (!wanted.has(name)) this.notes.push({ handler: name, why: whyNot(asked) });
    }
    for (const [name, code] of wanted)
      this.running.push(
        this.handlers.start(name, code, variables(instruments), (word) => this.heard(name, word)),
      );
    const about = { run, attempt, test: test.name, host: host.name, instruments };
    const parameters = (name: string) => {
      const code = wanted.get(name);
      return code !== undefined && 'parameters' in code ? code.parameters : {};
    };
    await this.each(START_MS, (name) => ({ event: 'run_start', ...about, parameters: parameters(name) }));
  }

  /** Those that act for this test: those it asks for that an admin has or that came with it, and those that always do. */
  private wanted(): ReadonlyMap<string, HandlerCode> {
    const { handlers: asked = [], programs = {} } = this.assignment.test;
    // The machine's own admin has the last word on what runs there.
    const listed = new Map([...Object.entries(this.assignment.handlers ?? {}), ...this.handlers.known]);
    const found = new Map<string, HandlerCode>();
    for (const one of asked) {
      const file = fileBeside(one);
      const program = file === undefined ? undefined : programs[file];
      const spec = listed.get(one);
      if (file !== undefined && program !== undefined)
        found.set(file, { program: Buffer.from(program, 'base64') });
      else if (spec !== undefined) found.set(one, spec);
    }
    for (const [name, spec] of listed) if (spec.always && !found.has(name)) found.set(name, spec);
    return found;
  }

  /** Something happened on the host; resolves when all have acted upon it. */
  async tell(news: HandlerNews): Promise<string> {
    await this.each(SIGNAL_MS, () => news);
    return 'ok';
  }

  /** The test is over: they finish, and what they have to say is recorded. */
  async end(attachments: Attachments, emit: (event: AttemptEvent) => void): Promise<void> {
    await this.each(POST_CASE_MS, () => ({ event: 'run_end' }));
    for (const { name, result } of this.cases)
      await this.each(POST_CASE_MS, () => ({ event: 'case_post', case: name, result }));
    await this.each(POST_RUN_MS, () => ({ event: 'run_post' }));
    this.stop();
    let seq = 0;
    for (const { handler, word } of this.words) {
      if (word.kind === 'measurement') emit(this.measured(++seq, handler, word));
      else {
        const { name, mediaType, case: ofCase, bytes } = word;
        const why = await attachments.add({ name, mediaType, case: ofCase, handler }, bytes);
        if (why !== undefined) this.notes.push({ handler, why: `its file '${name}' is missing: ${why}` });
      }
    }
    for (const name of new Set(this.notes.map(({ handler }) => handler))) {
      const said = this.notes.filter(({ handler }) => handler === name).map(({ why }) => why);
      await attachments.note(`${name}.failed.txt`, said.join('\n'), name);
    }
  }

  /** Ends them at once. */
  stop(): void {
    for (const one of this.running.splice(0)) one.end();
  }

  /** One piece of news after another, to all of them beside each other; who fails is out, and noted. */
  private each(limitMs: number, news: (handler: string) => HandlerNews): Promise<void> {
    const next = this.turn.then(async () => {
      const ends = await Promise.all(
        this.running.map(async (one) => ({ one, why: await one.tell(news(one.name), limitMs) })),
      );
      for (const { one, why } of ends) {
        if (why === undefined) continue;
        this.running.splice(this.running.indexOf(one), 1);
        one.end();
        this.notes.push({ handler: one.name, why });
      }
    });
    this.turn = next;
    return next;
  }

  private heard(handler: string, word: HandlerWord): void {
    const said = (this.saidBy.get(handler) ?? 0) + 1;
    this.saidBy.set(handler, said);
    if (said <= MOST_WORDS) this.words.push({ handler, word });
    else if (said === MOST_WORDS + 1)
      this.notes.push({ handler, why: `it said more than ${MOST_WORDS} things: the others are left out` });
  }

  private measured(
    seq: number,
    handler: string,
    { case: ofCase, name, value, unit }: Extract<HandlerWord, { kind: 'measurement' }>,
  ): AttemptEvent {
    const caseSeq = this.cases.findLast((one) => one.name === ofCase)?.seq;
    const measurement = { raw: value.slice(0, 200), unit };
    const of = caseSeq === undefined ? {} : { caseSeq };
    return { kind: 'measured', role: this.plan.role, seq, handler, name, ...of, measurement };
  }
}

function whyNot(asked: string): string {
  return fileBeside(asked) === undefined
    ? 'no handler of this name is in the list of the admin'
    : 'its project is not trusted with handlers that come with tests';
}

/** Where the leased instruments answer, for handlers that would rather not read JSON. */
function variables(instruments: readonly LeasedInstrument[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    instruments.map(({ name, address = '' }) => [
      `INSTRUMENT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`,
      address,
    ]),
  );
}
