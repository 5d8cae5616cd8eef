import { letterOf } from '../domain/tell/letter.js';
import type { News, ToldIncident } from '../domain/tell/news.js';
import { addressOf } from '../domain/tell/telling.js';
import type { Blobs } from '../ports/blobs.js';
import { type Mailer, NotSent, type SentLetter } from '../ports/mailer.js';
import type { WebHooks } from '../ports/web-hooks.js';
import {
  type DueMessage,
  digestLines,
  gatherDigests,
  readWays,
  takeMessages,
  toldIncident,
  type Ways,
  wasNotSent,
  wasSent,
} from '../store/sending.js';
import type { Store } from '../store/store.js';
import { mailFinished } from '../store/submission-mail.js';
import type { Wakeup } from '../store/wakeup.js';
import { type AnswerLinks, toldSearch } from './told-search.js';
import { toldSubmission } from './told-submission.js';

/** So many at a time; nobody else takes them meanwhile. */
const AT_ONCE = 20;
const TAKEN_S = 300;
/** The longest pause between two looks at the outbox. */
const PAUSE_MS = 5000;

/**
 * Sends what the outbox holds, outside of any decision: at least once each, under an id that stays the same. Several
 * may be at it beside each other. Tests call `send()` by hand; `start()` looks whenever somebody wakes it.
 */
export class Sender {
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;
  private stopped = true;
  private wanted = false;
  private unlisten = () => {};

  constructor(
    private readonly store: Store,
    private readonly ways: {
      readonly mailer: Mailer;
      readonly webHooks: WebHooks;
      /** What letters show of environments; unset: nothing. */
      readonly blobs?: Blobs;
      /** With what letters can be answered; unset: without links. */
      readonly links?: () => AnswerLinks;
    },
    private readonly log: (line: string) => void,
  ) {}

  /** Sends from now on, until `stop`. */
  start(wakeup: Wakeup): void {
    this.stopped = false;
    const stop = wakeup.on('testyard_history', () => this.kick());
    this.unlisten = () => void stop();
    this.kick();
  }

  /** Ends after what is on its way. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.unlisten();
    clearTimeout(this.timer);
    await this.sending;
  }

  private kick(): void {
    this.wanted = true;
    if (this.sending !== undefined || this.stopped) return;
    clearTimeout(this.timer);
    this.wanted = false;
    this.sending = this.send()
      .catch((error: Error) => this.log(`sender: ${error.message}`))
      .then(() => {
        this.sending = undefined;
        if (this.stopped) return;
        if (this.wanted) this.kick();
        else this.timer = setTimeout(() => this.kick(), PAUSE_MS);
      });
  }

  /** Sends all that is due. */
  async send(): Promise<void> {
    await mailFinished(this.store);
    await gatherDigests(this.store);
    // Web hooks that do not answer keep no letter waiting.
    await Promise.all([this.sendAll('mail'), this.sendAll('web_hook')]);
  }

  private async sendAll(via: 'mail' | 'web_hook'): Promise<void> {
    for (;;) {
      const due = await takeMessages(this.store, via, AT_ONCE, TAKEN_S);
      if (due.length === 0) return;
      const ways = await readWays(this.store);
      const one = via === 'mail' ? this.mail.bind(this) : this.post.bind(this);
      await Promise.all(due.map((message) => this.sendOne(message, () => one(message, ways))));
    }
  }

  /** `way` sends it and says where it went. */
  private async sendOne(message: DueMessage, way: () => Promise<string>): Promise<void> {
    let to: string;
    try {
      to = await way();
    } catch (error) {
      if (!(error instanceof NotSent)) throw error;
      await wasNotSent(this.store, message, error.message, error.isForGood);
      this.log(`m${message.id} to ${message.recipient} could not be sent: ${error.message}`);
      return;
    }
    await wasSent(this.store, message, to);
  }

  private async mail(message: DueMessage, ways: Ways): Promise<string> {
    const { mail, grid, epoch } = ways;
    const to = addressOf(message.recipient, ways);
    if (mail === undefined) throw new NotSent('the grid file says no longer how mail goes out', true);
    if (to === undefined)
      throw new NotSent(`neither '${message.recipient}' nor the admin has an address in grid.yaml`, true);
    const letter = letterOf(await this.news(message, ways, to.instead));
    const replyTo = mail.replyTo ?? addressOf(ways.admin, ways)?.address;
    const domain = mail.from.slice(mail.from.indexOf('@') + 1);
    // One id for ever: whoever gets a letter twice can see that it is one.
    const idOf = (id: string) => `m${id}.${epoch}@${domain}`;
    const sent: SentLetter = {
      ...letter,
      to: to.address,
      ...(replyTo === undefined ? {} : { replyTo }),
      messageId: idOf(message.id),
      ...(message.first === message.id ? {} : { answers: idOf(message.first) }),
      listId: `${grid.replace(/[^A-Za-z0-9-]+/g, '-')}.testyard.${domain}`,
      thread: message.thread.replace(/[^\x21-\x7e]/g, '-'),
    };
    await this.ways.mailer.send(mail, sent);
    return to.address;
  }

  private async post(message: DueMessage, ways: Ways): Promise<string> {
    const { recipient, id, thread, kind, at, text } = message;
    const hook = ways.webHooks[recipient];
    if (hook === undefined) throw new NotSent('the grid file no longer has this web hook', true);
    const incident = await toldIncident(this.store, thread);
    const body = { id: `m${id}`, event: kind, grid: ways.grid, thread, at: at.toISOString(), text };
    await this.ways.webHooks.post(hook, `m${id}`, JSON.stringify({ ...body, ...asSent(incident) }));
    return hook.url;
  }

  private async news(message: DueMessage, { grid }: Ways, instead: boolean): Promise<News> {
    const { kind, recipient, topic, text, thread, id } = message;
    const incident = await toldIncident(this.store, thread);
    const submission = kind === 'submission' ? await toldSubmission(this.store, thread.slice(1)) : undefined;
    const { blobs, links } = this.ways;
    const letter = { recipient, at: message.at, blobs, links: links?.() };
    const search = kind === 'told' ? await toldSearch(this.store, thread, letter) : undefined;
    const lines = kind === 'digest' ? await digestLines(this.store, id) : undefined;
    return {
      ...{ kind, grid, recipient, instead, topic, text },
      ...(incident === undefined ? {} : { incident }),
      ...(submission === undefined ? {} : { submission }),
      ...(search === undefined ? {} : { search }),
      ...(lines === undefined ? {} : { lines }),
    };
  }
}

/** Programs ask the API for more. */
function asSent(incident: ToldIncident | undefined) {
  if (incident === undefined) return {};
  const { id, scope, host, step, test, title, owner, openedAt, closedAt, holds, held } = incident;
  return { incident: { id, scope, host, step, test, title, owner, openedAt, closedAt, holds, held } };
}
