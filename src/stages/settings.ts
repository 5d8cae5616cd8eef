/** What the scheduler goes by; all of it can be configured, campaigns use seconds. */
export interface Settings {
  /** An executor's lease, and how often it is to be renewed. */
  readonly leaseTtlMs: number;
  readonly leaseRenewMs: number;
  /** The leadership of a scheduler. */
  readonly leaderTtlMs: number;
  /** The longest pause between two beats when nothing wakes it. */
  readonly beatMs: number;
  /** The first recovery check of an incident comes after this; the following double it, up to an hour. */
  readonly checkFirstS: number;
  /** A run that waits so long gains a point of priority. */
  readonly ageingS: number;
  /** How many points of priority whoever used all of the hosts lately is behind who used none; 0: nobody is. */
  readonly fairShare: number;
  /** A run held by an incident ends without a verdict after this. */
  readonly holdS: number;
  /** Output of an attempt beyond this is cut in the middle. */
  readonly outputLimitBytes: number;
}

/** What a grid does where nothing is said. */
export const SETTINGS: Settings = {
  leaseTtlMs: 60_000,
  leaseRenewMs: 10_000,
  leaderTtlMs: 10_000,
  beatMs: 1_000,
  checkFirstS: 15,
  ageingS: 3600,
  fairShare: 5,
  holdS: 7 * 86_400,
  outputLimitBytes: 16 * 1024 * 1024,
};
