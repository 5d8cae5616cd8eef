/** What a message says. */
export type NewsKind =
  /** Whose failure it is has been found. */
  | 'told'
  /** It is somebody else's after all. */
  | 'moved'
  /** What a search said is taken back. */
  | 'withdrawn'
  | 'quarantined'
  | 'closed'
  /** The grid or a pool starts nothing more. */
  | 'halted'
  | 'resumed'
  /** What came of a submission. */
  | 'submission'
  /** What was gathered, for one who need not act at once. */
  | 'digest';

/** An incident, as its letters tell of it. */
export interface ToldIncident {
  readonly id: string;
  readonly scope: string;
  readonly host?: string;
  readonly step?: string;
  readonly test?: string;
  readonly title: string;
  readonly owner: string;
  readonly openedAt: string;
  readonly closedAt?: string;
  readonly closeReason?: string;
  readonly nextCheckAt?: string;
  /** How its host is, where that is not good, and why. */
  readonly health?: string;
  /** How many runs it holds, and the first of them. */
  readonly holds: number;
  readonly held: readonly string[];
  /** The latest, newest first. */
  readonly evidence: readonly {
    readonly work: string;
    readonly host?: string;
    readonly ok: boolean;
    readonly run?: string;
    readonly detail: string;
    readonly at: string;
  }[];
}

/** A search for the change that broke something, as the letters about it tell of it. */
export interface ToldSearch {
  readonly id: string;
  readonly test: string;
  /** The changes that it found; none: no change did it, or nobody can tell which. */
  readonly found: readonly FoundChange[];
  /** Together with which alone what was found does harm. */
  readonly partners: readonly FoundChange[];
  /** Among how many. */
  readonly among: number;
  readonly probability?: number;
  /** Trials that told something, and those that verified it. */
  readonly trials: { readonly search: number; readonly verify: number };
  /** How many trials were bad, with it and without it, and of how many. */
  readonly with?: Counted;
  readonly without?: Counted;
  /** In what a bad run with it and a good one without it differed, in lines; undefined: nobody could look. */
  readonly difference?: readonly string[];
  /** What was said last where something could not be put in; undefined: it could. */
  readonly lastWords?: string;
  readonly heldAt: readonly HeldAt[];
  /** What reproduces it on a machine of one's own. */
  readonly commands: readonly (readonly [command: string, what: string])[];
  /** With which the recipient can answer without a token; none where he is accused of nothing. */
  readonly links: readonly { readonly what: string; readonly url: string }[];
  /** True where the recipient is asked for an answer. */
  readonly isAsked: boolean;
}

/** What is held at a version, and what cannot be put in without what is held back. */
export interface HeldAt {
  readonly component: string;
  readonly version: string;
  readonly behind: readonly { readonly component: string; readonly version: string; readonly why: string }[];
}

/** A change that a search found. */
export interface FoundChange {
  readonly component: string;
  readonly version: string;
  readonly before?: string;
  readonly title: string;
  readonly author?: string;
  readonly link?: string;
}

/** How many trials were bad, of how many, and the last of their runs. */
export interface Counted {
  readonly bad: number;
  readonly of: number;
  readonly runs: readonly string[];
}

/** One line of a digest. */
export interface DigestLine {
  readonly at: string;
  /** What it is about: `i7`, `h3`, `r12`. */
  readonly subject: string;
  readonly text: string;
}

/** What came of a submission, for whoever asked to be told. */
export interface ToldSubmission {
  readonly id: string;
  readonly name: string;
  readonly counts: Readonly<Record<'passed' | 'failed' | 'skipped' | 'none' | 'held', number>>;
  /** Compared with the submission of the same name before it; undefined: there is none. */
  readonly before?: string;
  readonly lists: readonly {
    readonly title: string;
    readonly items: readonly { readonly run: string; readonly test: string; readonly reason: string }[];
  }[];
}

/** All that a message is made of. */
export interface News {
  readonly kind: NewsKind;
  /** The name of the grid. */
  readonly grid: string;
  /** The owner it is for, as the inventory names him. */
  readonly recipient: string;
  /** He has no address: the admin reads it. */
  readonly instead: boolean;
  /** What the thread is about, as its first message said it. */
  readonly topic: string;
  /** What this message says beside it. */
  readonly text: string;
  readonly incident?: ToldIncident;
  readonly submission?: ToldSubmission;
  readonly search?: ToldSearch;
  readonly lines?: readonly DigestLine[];
}
