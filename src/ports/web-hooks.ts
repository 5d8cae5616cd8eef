import type { WebHookSpec } from '../domain/tell/telling.js';

/** A way for messages to programs of others. */
export abstract class WebHooks {
  /** Posts a body of JSON; `delivery` is the same however often it is tried. Rejects with NotSent. */
  abstract post(hook: WebHookSpec, delivery: string, body: string): Promise<void>;
}
