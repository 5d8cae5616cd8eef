import type { SecretPlace } from '../domain/tell/telling.js';

/** Judges whether a call of a web hook comes from somebody who knows its secret. */
export abstract class HookSignatures {
  /** `no_secret`: the secret itself is not on this machine. */
  abstract judge(
    secret: SecretPlace,
    header: (name: string) => string | undefined,
    body: string,
  ): Promise<'good' | 'bad' | 'no_secret'>;
}
