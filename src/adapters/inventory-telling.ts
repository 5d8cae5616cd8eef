import { isIP } from 'node:net';
import type { Inventory } from '../domain/inventory.js';
import {
  addressOf,
  MAIL_ADDRESS,
  type MailSpec,
  type SecretPlace,
  type WebHookSpec,
} from '../domain/tell/telling.js';
import { wrongCron } from './cron.js';
import type { InventoryProblem } from './inventory-thing.js';
import { Fields, NAME } from './source-fields.js';
import { shown } from './yaml-source.js';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;
const AN_ADDRESS = 'an address of mail, ann@example.org';

/** Reads how people and programs are told, of `grid.yaml`. */
export function readTelling(fields: Fields) {
  const people = readPeople(fields);
  const mail = readMail(fields);
  const webHooks = readWebHooks(fields);
  return {
    ...(Object.keys(people).length === 0 ? {} : { people }),
    ...(mail === undefined ? {} : { mail }),
    ...(Object.keys(webHooks).length === 0 ? {} : { webHooks }),
    ...readHealthCheck(fields),
  };
}

/** Reads when idle hosts are looked at, of the grid, a pool or a host type. */
export function readHealthCheck(fields: Fields): { readonly healthCheck?: string } {
  const line = fields.line('health_check');
  if (line === undefined) return {};
  const wrong = wrongCron(line);
  if (wrong !== undefined)
    fields.wrong(fields.at('health_check'), `'${shown(line)}' is no line of cron: ${wrong}`);
  return { healthCheck: line.trim().replace(/\s+/g, ' ') };
}

function readPeople(fields: Fields): Readonly<Record<string, string>> {
  const source = fields.source('people');
  if (source === undefined) return {};
  if (source.kind !== 'map') {
    fields.wrong(source.at, "below 'people:' stands each by the name that 'owner' has: ann: ann@example.org");
    return {};
  }
  const found = source.entries.flatMap(({ key, at, value }): [string, string][] => {
    if (/[\p{Cc}]/u.test(key) || key.length > 200) fields.wrong(at, `'${shown(key)}' is no name of an owner`);
    else if (value.kind !== 'text' || !MAIL_ADDRESS.test(value.text))
      fields.wrong(value.at, `'${shown(value.kind === 'text' ? value.text : key)}' is not ${AN_ADDRESS}`);
    else return [[key, value.text]];
    return [];
  });
  return Object.fromEntries(found);
}

function readMail(fields: Fields): MailSpec | undefined {
  const mail = fields.below('mail', ['smtp', 'from', 'reply_to', 'user', 'password', 'digest']);
  if (mail === undefined) return undefined;
  const smtp = mail.line('smtp');
  const wrong = smtp === undefined ? undefined : wrongServer(smtp);
  if (wrong !== undefined) mail.wrong(mail.at('smtp'), wrong);
  const replyTo = mail.matching('reply_to', MAIL_ADDRESS, AN_ADDRESS);
  const user = mail.line('user');
  const password = readSecret(mail, 'password');
  if ((user === undefined) !== (password === undefined))
    mail.wrong(mail.at(user === undefined ? 'password' : 'user'), "'user' and 'password' go together");
  return {
    smtp: mail.required('smtp', smtp, 'the server that takes mail: smtp://mail.example.org:587'),
    from: mail.required(
      'from',
      mail.matching('from', MAIL_ADDRESS, AN_ADDRESS),
      'the address that letters are from',
    ),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    digest: mail.oneOf('digest', ['hourly', 'daily'] as const) ?? 'daily',
  };
}

function wrongServer(smtp: string): string | undefined {
  const { protocol, hostname, username, password, pathname, search, hash } = URL.canParse(smtp)
    ? new URL(smtp)
    : new URL('none:');
  if ((protocol !== 'smtp:' && protocol !== 'smtps:') || hostname === '')
    return `'${shown(smtp)}' is no mail server: write smtp://HOST:PORT, or smtps:// for TLS from the start`;
  if (username !== '' || password !== '')
    return "the user stands in 'user', and 'password' says where that is";
  return ['', '/'].includes(pathname) && search === '' && hash === ''
    ? undefined
    : "'smtp' is only a server and its port";
}

function readWebHooks(fields: Fields): Readonly<Record<string, WebHookSpec>> {
  const source = fields.source('web_hooks');
  if (source === undefined) return {};
  if (source.kind !== 'map') {
    fields.wrong(
      source.at,
      "below 'web_hooks:' stands each by a name of its own: NAME: {url: ..., secret: ...}",
    );
    return {};
  }
  const found = source.entries.flatMap(({ key, at, value }): [string, WebHookSpec][] => {
    if (!NAME.test(key)) fields.wrong(at, `'${shown(key)}' is no name for a web hook`);
    if (value.kind !== 'map') {
      fields.wrong(value.at, 'here stand fields: url, secret, allow');
      return [];
    }
    const hook = new Fields(value.entries, ['url', 'secret', 'allow'], value.at, undefined, fields.problems);
    return [[key, readWebHook(hook)]];
  });
  return Object.fromEntries(found);
}

function readWebHook(hook: Fields): WebHookSpec {
  const url = hook.required('url', hook.line('url'), 'where it is posted to: https://chat.example.org/hook');
  const { protocol, username, password } = URL.canParse(url) ? new URL(url) : new URL('none:');
  if (url !== '' && protocol !== 'https:' && protocol !== 'http:')
    hook.wrong(hook.at('url'), `'${shown(url)}' is no address of the web`);
  if (username !== '' || password !== '')
    hook.wrong(hook.at('url'), 'leave the user and password out: they would be shown');
  const allow = hook.list('allow').map(({ text, at }) => {
    if (!isRange(text))
      hook.wrong(at, `'${shown(text)}' is no address, nor a range of them: 10.0.3.7, or 10.0.3.0/24`);
    return text;
  });
  const secret = readSecret(hook, 'secret');
  if (secret === undefined)
    hook.wrong(hook.start, "'secret' is missing: what messages are signed with, {file: PATH} or {env: NAME}");
  return { url, secret: secret ?? { env: '' }, allow };
}

function isRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    most > 0 &&
    more.length === 0 &&
    (bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= most))
  );
}

/** Where a secret is: an inventory never holds one. */
export function readSecret(fields: Fields, key: string): SecretPlace | undefined {
  const place = fields.below(key, ['env', 'file']);
  if (place === undefined) return undefined;
  const env = place.matching('env', VARIABLE, 'the name of a variable');
  const file = place.line('file');
  if ((env === undefined) === (file === undefined))
    place.wrong(place.start, 'it is one of the two: {file: PATH} or {env: NAME}');
  if (file !== undefined && !file.startsWith('/'))
    place.wrong(place.at('file'), 'it is on the machine of the scheduler: write the path from the root');
  return env === undefined ? { file: file ?? '' } : { env };
}

/** Owners whom no letter can reach, where letters go out: the admin is told in their place. */
export function addressless(
  { grid, hosts, steps, resources, pools, types, tests }: Inventory,
  where: (
    kind: 'host' | 'step' | 'resource' | 'pool' | 'type' | 'test',
    name: string,
  ) => { readonly file: string },
): readonly InventoryProblem[] {
  if (grid.mail === undefined) return [];
  const { admin, people = {} } = grid;
  const own = (owner: string) => addressOf(owner, { people, admin: '' });
  const problems: InventoryProblem[] = [];
  if (own(admin) === undefined)
    problems.push({
      file: 'grid.yaml',
      ...{ line: 1, column: 1 },
      message: `the admin '${admin}' has no address below 'people:': what nobody else can be told reaches nobody`,
    });
  const things = { host: hosts, step: steps, resource: resources, pool: pools, type: types, test: tests };
  const seen = new Set([admin]);
  for (const [kind, list] of Object.entries(things) as [keyof typeof things, typeof hosts][])
    for (const { name, owner } of list) {
      if (owner === undefined || seen.has(owner) || own(owner) !== undefined) continue;
      seen.add(owner);
      const message = `owner '${shown(owner)}' of ${kind} '${name}' has no address below 'people:' in grid.yaml: ${shown(admin)} is told instead`;
      problems.push({ ...where(kind, name), message });
    }
  return problems;
}

/** As the inventory writes it. */
export function tellingFields({
  people,
  mail,
  webHooks,
  healthCheck,
}: {
  readonly people?: Readonly<Record<string, string>>;
  readonly mail?: MailSpec;
  readonly webHooks?: Readonly<Record<string, WebHookSpec>>;
  readonly healthCheck?: string;
}) {
  const hooks = Object.entries(webHooks ?? {}).map(([name, { url, secret, allow }]) => [
    name,
    { url, secret: { ...secret }, allow: allow.length === 0 ? undefined : allow },
  ]);
  return {
    people,
    mail: mail && {
      ...{ smtp: mail.smtp, from: mail.from, reply_to: mail.replyTo, user: mail.user },
      password: mail.password && { ...mail.password },
      digest: mail.digest === 'daily' ? undefined : mail.digest,
    },
    web_hooks: hooks.length === 0 ? undefined : Object.fromEntries(hooks),
    health_check: healthCheck,
  };
}
