import type { Setting } from '../setting.js';

/** Makes of what a command does the action that gets the setting, then its arguments and its own options. */
export type Does = <Args extends unknown[]>(
  action: (setting: Setting, ...args: Args) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;
