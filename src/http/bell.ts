import type { Channel } from '../store/store.js';
import type { Wakeup } from '../store/wakeup.js';

/** Remembers that a channel was notified, so that nothing is lost between looking and waiting. */
export class Bell {
  private rung = false;
  private ring: (() => void) | undefined;
  private readonly silence: () => void;

  constructor(wakeup: Wakeup, channel: Channel) {
    this.silence = wakeup.on(channel, () => {
      this.rung = true;
      this.ring?.();
    });
  }

  /** Resolves when the channel was notified since the last wait, after `timeoutMs`, or when `stop` aborts. */
  async wait(timeoutMs: number, stop: AbortSignal): Promise<void> {
    if (!this.rung && !stop.aborted) {
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer);
          stop.removeEventListener('abort', end);
          this.ring = undefined;
          resolve();
        };
        const timer = setTimeout(end, timeoutMs);
        stop.addEventListener('abort', end);
        this.ring = end;
      });
    }
    this.rung = false;
  }

  close(): void {
    this.silence();
  }
}
