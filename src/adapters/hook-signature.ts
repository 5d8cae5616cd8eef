import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SecretPlace } from '../domain/tell/telling.js';
import { HookSignatures } from '../ports/hook-signatures.js';
import { NotSent } from '../ports/mailer.js';
import { secretAt } from './secret-place.js';

/** A signature with its moment is good for so long. */
const MOMENT_S = 300;

/**
 * HMAC-SHA256 over what was sent, as we sign our own web hooks (`Testyard-Signature`) or as forges do
 * (`X-Hub-Signature-256`); or the secret itself, as some forges send it (`X-Gitlab-Token`).
 */
export class HmacHookSignatures extends HookSignatures {
  override async judge(place: SecretPlace, header: (name: string) => string | undefined, body: string) {
    const secret = await secretAt(place).catch((error: unknown) => {
      if (error instanceof NotSent) return undefined;
      throw error;
    });
    if (secret === undefined || secret === '') return 'no_secret' as const;
    const mac = (text: string) => createHmac('sha256', secret).update(text).digest('hex');
    const [, moment, ours] =
      /^t=([0-9]{1,12}),v1=([0-9a-f]{64})$/.exec(header('testyard-signature') ?? '') ?? [];
    const [, theirs] = /^sha256=([0-9a-f]{64})$/.exec(header('x-hub-signature-256') ?? '') ?? [];
    const plain = header('x-gitlab-token');
    const isGood =
      (ours !== undefined && isRecent(Number(moment)) && isSame(ours, mac(`${moment}.${body}`))) ||
      (theirs !== undefined && isSame(theirs, mac(body))) ||
      (plain !== undefined && isSame(mac(plain), mac(secret)));
    return isGood ? ('good' as const) : ('bad' as const);
  }
}

function isRecent(moment: number): boolean {
  return Math.abs(Date.now() / 1000 - moment) <= MOMENT_S;
}

/** Takes the same time wherever they differ. */
function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
