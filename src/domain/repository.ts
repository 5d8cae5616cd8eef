/** A repository of packages that a resource of the inventory is. */
export interface Repository extends RepositorySpec {
  /** The resource, to blame where it does not answer. */
  readonly resource: string;
}

/** How package managers find a repository, and by whose signature they know it. */
export interface RepositorySpec {
  readonly kind: 'apt' | 'dnf';
  readonly url: string;
  /** Of apt. */
  readonly suite?: string;
  readonly components?: readonly string[];
  /** The public key, armoured; undefined: it was said that it is not signed. */
  readonly key?: string;
}
