import type { HandlerSpec } from './handler.js';
import type { ImageSpec } from './image.js';
import type { LavaMapping } from './lava/mapping.js';
import type { Layer } from './layer.js';
import type { RepositorySpec } from './repository.js';
import type { StepSpec } from './step.js';
import type { Alias, Instance, TagSpec } from './tag.js';
import type { MailSpec, WebHookSpec } from './tell/telling.js';
import type { TestSpec } from './test.js';
import type { WatchSpec } from './watch.js';

/** The lab as its admins wrote it down; plain values, checked against each other, each list in order of names. */
export interface Inventory {
  readonly grid: GridSpec;
  /** The lab's own tags; those of the standard catalogue are there without being named. */
  readonly tags: readonly TagSpec[];
  readonly aliases: readonly Alias[];
  /** Declared ones and those that hosts name; `default` always. */
  readonly pools: readonly PoolSpec[];
  readonly resources: readonly ResourceSpec[];
  /** Reference images; undefined: restore commands know theirs by name. */
  readonly images?: readonly ImageSpec[];
  readonly types: readonly HostType[];
  readonly hosts: readonly HostSpec[];
  readonly steps: readonly StepSpec[];
  readonly tests: readonly TestSpec[];
  /** Places where new versions arrive; undefined: none. */
  readonly watches?: readonly WatchSpec[];
}

/** What is said of the grid as a whole. */
export interface GridSpec {
  readonly name: string;
  /** Who is told wherever no owner is declared. */
  readonly admin: string;
  /** The common set-up: a requirement in canonical spelling, added to every run that does not contradict it. */
  readonly default: string;
  /** How far what an incident stops goes beyond its scope, by scope; `scope` where nothing is said. */
  readonly halt?: HaltPolicy;
  /** Repositories that the API may fetch tests from, or folders of them, by address; undefined: none. */
  readonly sources?: readonly string[];
  /** True where steps may run on the machines of executors themselves. */
  readonly gridSteps?: boolean;
  /** What words of LAVA metadata ask of a host, where it is not what they mean without it. */
  readonly lava?: Partial<LavaMapping>;
  /** Grid-side code that answers signals of tests, on the machine of the executor. */
  readonly handlers?: Readonly<Record<string, HandlerSpec>>;
  /** Projects whose tests may bring handlers of their own; undefined: none. */
  readonly trustedProjects?: readonly string[];
  /** Addresses of owners that are no addresses themselves. */
  readonly people?: Readonly<Record<string, string>>;
  /** How mail goes out; undefined: nobody is sent any. */
  readonly mail?: MailSpec;
  /** Addresses of the web that are told what people are, by name. */
  readonly webHooks?: Readonly<Record<string, WebHookSpec>>;
  /** When idle hosts get a canary, as a line of cron; undefined: they get none by the clock. */
  readonly healthCheck?: string;
}

/** Scopes of incidents for which a policy can be declared. */
export const HALT_CAUSES = ['host', 'step', 'test', 'resource', 'pool', 'image', 'change'] as const;

/** How far an incident's halt can go: no further than its scope, over the pools concerned, over the grid. */
export const HALT_REACHES = ['scope', 'pool', 'grid'] as const;

/** What becomes of runs under way where the grid is halted: they may end, or are stopped and run again later. */
export const HALT_RUNNING = ['drain', 'kill'] as const;

/** What an incident of each cause halts, and what becomes of what runs then; undefined: it may end. */
export type HaltPolicy = Readonly<
  Partial<Record<(typeof HALT_CAUSES)[number], (typeof HALT_REACHES)[number]>>
> & { readonly running?: (typeof HALT_RUNNING)[number] };

/** Hosts that are run together. */
export interface PoolSpec {
  readonly name: string;
  readonly meaning?: string;
  readonly owner?: string;
  /** Names of the projects that may use it; undefined: all. */
  readonly projects?: readonly string[];
  /** How many of its hosts may be quarantined before it halts; undefined: the larger of 1 and 10 %. */
  readonly cap?: PoolCap;
  /** When its idle hosts get a canary, in place of what the grid says. */
  readonly healthCheck?: string;
}

/** A number of hosts, or a share of a pool's hosts in percent. */
export type PoolCap = { readonly hosts: number } | { readonly percent: number };

/** Something that hosts or steps share, or an instrument that is leased together with a host. */
export interface ResourceSpec {
  readonly name: string;
  readonly meaning: string;
  readonly owner?: string;
  /** Of an instrument: the hosts it is attached to, how many of them it serves at a time, where it answers. */
  readonly instrument?: {
    readonly with: readonly string[];
    readonly units: number;
    /** In words that its handlers understand; undefined: they need none. */
    readonly address?: string;
  };
  /** How package managers find it, where it is a repository of packages. */
  readonly repository?: RepositorySpec;
  /** How many steps may use it at a time; undefined: any number. */
  readonly limit?: number;
}

/** What is true of every host of a type, unless the host says otherwise. */
export interface HostType {
  readonly name: string;
  readonly meaning?: string;
  readonly owner?: string;
  /** When its idle hosts get a canary, in place of what pool and grid say. */
  readonly healthCheck?: string;
  readonly pool?: string;
  readonly seats?: number;
  readonly expendable?: readonly Layer[];
  /** A host has these and its own; its own word on a tag takes the place of its type's. */
  readonly tags: readonly DeclaredTag[];
  readonly executor?: string;
  readonly ssh?: Partial<Omit<SshTransport, 'kind'>>;
  readonly local?: { readonly network: boolean };
  readonly restore?: Restore;
  readonly resources?: readonly string[];
}

/** A tag with its value, or one device, as an admin declares it of a host. */
export interface DeclaredTag extends Instance {
  readonly tag: string;
}

/** A host, as an admin declares it, with all that its type says of it. */
export interface HostSpec {
  readonly name: string;
  readonly type: string;
  readonly pool: string;
  readonly owner?: string;
  /** Attempts at a time. */
  readonly seats: number;
  /** Layers that may be changed there, lowest first; none unless said. */
  readonly expendable: readonly Layer[];
  /** What is declared of it; a probe, where the catalogue has one, has the last word. */
  readonly tags: readonly DeclaredTag[];
  /** The name of the one executor that reaches it; undefined: any. */
  readonly executor?: string;
  readonly transport: HostTransport;
  readonly restore?: Restore;
  /** Names of the shared resources that it needs to work; instruments name their hosts themselves. */
  readonly resources: readonly string[];
}

/** How a host's root file system is put back: a command on the executor's machine. */
export interface Restore {
  readonly kind: 'command';
  readonly command: readonly string[];
}

/** Where an sshd is and who logs in; key_file is a path on the executor's machine, its public keys are pinned. */
export interface SshLogin {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string;
  readonly hostKeys: readonly string[];
  /** The machine from which it is reached; undefined: from the executor's. */
  readonly jump?: SshLogin;
}

/** Over ssh. */
export interface SshTransport extends SshLogin {
  readonly kind: 'ssh';
}

/** How a host is reached. */
export type HostTransport =
  | SshTransport
  /** The executor's own machine, in throw-away namespaces. */
  | { readonly kind: 'local'; readonly network: boolean };

/** The pool of hosts that name none. */
export const DEFAULT_POOL = 'default';
/** The type of hosts that name none. */
export const DEFAULT_TYPE = 'generic';
