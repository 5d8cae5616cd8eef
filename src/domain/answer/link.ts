import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Id } from '../id.js';
import type { OwnersAnswer } from './answer.js';

/** A link with which one answer to one accusation can be given, without any token. */
export interface AnswerLink {
  readonly accusation: Id;
  readonly answer: OwnersAnswer['kind'];
  /** Seconds of the epoch from which on it is good for nothing. */
  readonly expires: number;
}

/** For so long a link in a letter can be used. */
export const LINK_S = 30 * 86_400;

/** The seal of a link: HMAC-SHA256 with the grid's own key over all that it says. */
export function sealOf({ accusation, answer, expires }: AnswerLink, key: string): string {
  return createHmac('sha256', key).update(`answer:${accusation}:${answer}:${expires}`).digest('hex');
}

/** Whether a link was sealed with this key; it takes the same time whatever is wrong with it. */
export function isSealed(link: AnswerLink, seal: string, key: string): boolean {
  const right = Buffer.from(sealOf(link, key));
  const given = Buffer.from(seal);
  return given.length === right.length && timingSafeEqual(given, right);
}

/** The address of a link, below that of the API. */
export function linkAt(base: string, link: AnswerLink, key: string): string {
  const { accusation, answer, expires } = link;
  return `${base.replace(/\/+$/, '')}/answers/u${accusation}?answer=${answer}&expires=${expires}&seal=${sealOf(link, key)}`;
}
