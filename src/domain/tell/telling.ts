/** Where a secret is, never what it is: a variable or a file of the machine that needs it. */
export type SecretPlace = { readonly env: string } | { readonly file: string };

/** How mail goes out. */
export interface MailSpec {
  /** `smtp://HOST:PORT`, or `smtps://` for TLS from the first byte. */
  readonly smtp: string;
  /** The address that letters are from. */
  readonly from: string;
  /** Where answers go; undefined: to the admin. */
  readonly replyTo?: string;
  readonly user?: string;
  readonly password?: SecretPlace;
  /** How often what is not urgent is gathered into one letter. */
  readonly digest: 'hourly' | 'daily';
}

/** An address of the web that is told the same as people. */
export interface WebHookSpec {
  readonly url: string;
  /** What its messages are signed with. */
  readonly secret: SecretPlace;
  /** Addresses within the lab that it may be at, each one or a range (`10.0.3.0/24`). */
  readonly allow: readonly string[];
}

/** An address of mail, as far as we take them: no quotes, no comments, nothing that a header could end with. */
export const MAIL_ADDRESS =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** Whom a letter for an owner goes to. */
export interface Addressee {
  readonly address: string;
  /** The owner has no address: the admin is told in his place. */
  readonly instead: boolean;
}

/** The address of an owner: itself, or by the list of people; else that of the admin; undefined: nobody has one. */
export function addressOf(
  owner: string,
  { people, admin }: { readonly people: Readonly<Record<string, string>>; readonly admin: string },
): Addressee | undefined {
  const own = addressIn(owner, people);
  if (own !== undefined) return { address: own, instead: false };
  const other = addressIn(admin, people);
  return other === undefined ? undefined : { address: other, instead: true };
}

/** Whether an owner is a person of that name: by the name itself, or by the address that both have. */
export function isPerson(owner: string, name: string, people: Readonly<Record<string, string>>): boolean {
  const address = addressIn(owner, people);
  return owner === name || (address !== undefined && address === addressIn(name, people));
}

function addressIn(name: string, people: Readonly<Record<string, string>>): string | undefined {
  // `ann@example.org`, or `Ann <ann@example.org>`.
  const said = /<([^<>]+)>$/.exec(name)?.[1] ?? name;
  if (MAIL_ADDRESS.test(said)) return said;
  return Object.hasOwn(people, name) ? people[name] : undefined;
}

/** Seconds until what could not be sent is tried again, after so many tries. */
export function againInS(tries: number): number {
  return Math.min(30 * 2 ** Math.max(tries - 1, 0), 3600);
}

/** What could not be sent for so long is given up. */
export const GIVE_UP_S = 5 * 86_400;
