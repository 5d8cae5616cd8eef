import type { HandlerNews, HandlerProcess, Handlers, HandlerWord } from '../ports/handlers.js';
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

  /** Names of those that act for this test: those it asks for that the admin has, and those that always do. */
  get wanted(): readonly string[] {
    const { handlers: asked = [] } = this.assignment.test;
    const { known } = this.handlers;
    const always = [...known].filter(([, { always }]) => always).map(([name]) => name);
    return [...new Set([...asked.filter((name) => known.has(name)), ...always])];
  }

  /** Starts them; a name that is in no list is noted. */
  async begin(): Promise<void> {
    const { run, attempt, test } = this.assignment;
    for (const name of test.handlers ?? [])
      if (!this.handlers.known.has(name))
        this.notes.push({ handler: name, why: 'no handler of this name is in the list of the admin' });
    for (const name of this.wanted)
      this.running.push(this.handlers.start(name, (word) => this.heard(name, word)));
    const about = { run, attempt, test: test.name, host: this.plan.host.name };
    await this.each(START_MS, (name) => ({
      event: 'run_start',
      ...about,
      parameters: this.handlers.parametersOf(name),
    }));
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
    for (const { handler, why } of this.notes) await attachments.note(`${handler}.failed.txt`, why, handler);
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
