import { Controller, Header, Inject } from '@nestjs/common';
import type { Answer } from '../domain/answer/answer.js';
import { isSealed } from '../domain/answer/link.js';
import { giveAnswer } from '../stages/answer.js';
import { type Accusation, accusationById, gridNow } from '../store/answering.js';
import type { Store } from '../store/store.js';
import { answeredPage, askingPage, expiredPage, insteadOf } from './answer-page.js';
import { INJECT } from './deps.js';
import { notFound, Refusal, unprocessable } from './problem.js';
import { wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

const HTML = 'text/html; charset=utf-8';
const A_DAY_MS = 86_400_000;

/** Answers by the links of letters: whoever has the letter may give the one answer, and nothing else. */
@Controller()
export class AnswerController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.answerKey) private readonly key: string,
  ) {}

  @Serves('showAnswerLink')
  @Header('content-type', HTML)
  async show(@Ask() ask: Asked<'showAnswerLink'>): Promise<string> {
    return askingPage(await this.linked(ask), ask.query.answer);
  }

  @Serves('useAnswerLink')
  @Header('content-type', HTML)
  async use(@Ask() ask: Asked<'useAnswerLink'>): Promise<string> {
    const accusation = await this.linked(ask);
    const given = await this.given(ask);
    const by = `${accusation.owner} (by a link)`;
    const refused = await this.store.transaction((tx) => giveAnswer(tx, accusation, given, by));
    return answeredPage(accusation, refused);
  }

  /** What a link is about; that its seal is wrong and that there is nothing looks the same. */
  private async linked(ask: Asked<'showAnswerLink'> | Asked<'useAnswerLink'>): Promise<Accusation> {
    const { answer, expires, seal } = ask.query;
    const id = wantId('accusation', ask.params.accusation);
    const isOurs = this.key !== '' && isSealed({ accusation: id, answer, expires }, seal, this.key);
    const accusation = isOurs ? await accusationById(this.store, id) : undefined;
    if (accusation === undefined) throw notFound('such link');
    if (expires * 1000 <= (await gridNow(this.store)).getTime())
      throw new Refusal(
        410,
        'gone',
        `This link was good for 30 days, and they are over; nothing was changed. What says the same: ${insteadOf(accusation, answer)}`,
        { page: expiredPage(accusation, answer) },
      );
    return accusation;
  }

  private async given({ query, body }: Asked<'useAnswerLink'>): Promise<Answer> {
    switch (query.answer) {
      case 'not_mine':
        return { kind: 'not_mine', why: '' };
      case 'fixed_in':
        if (body.version === undefined) throw missing('version', 'the version that mends it');
        return { kind: 'fixed_in', version: body.version };
      case 'snoozed': {
        if (body.days === undefined) throw missing('days', 'for how many days, from 1 to 30');
        const now = await gridNow(this.store);
        return { kind: 'snoozed', until: new Date(now.getTime() + body.days * A_DAY_MS) };
      }
    }
  }
}

function missing(where: string, what: string): Refusal {
  return unprocessable('The answer is not complete', [{ where, message: `is missing: ${what}` }]);
}
