import { createHmac } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { WebHookSpec } from '../domain/tell/telling.js';
import { NotSent } from '../ports/mailer.js';
import { WebHooks } from '../ports/web-hooks.js';
import { secretAt } from './secret-place.js';

const LIMIT_MS = 10_000;
/** No answer has anything to say beyond this. */
const MOST_ANSWER_BYTES = 64 * 1024;

/** Addresses that are nobody's on the internet: of this machine, of a lab, of a cloud's own services, of many. */
const BARRED = rangesOf(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/127', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/32', '2001:db8::/32', '2002::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
);

/** Web hooks over HTTP: signed, not redirected, and only to addresses that are allowed after the name was resolved. */
export class SignedWebHooks extends WebHooks {
  constructor(private readonly limitMs = LIMIT_MS) {
    super();
  }

  override async post(hook: WebHookSpec, delivery: string, body: string): Promise<void> {
    const url = new URL(hook.url);
    const address = await addressFor(url.hostname.replace(/^\[|\]$/g, ''), hook.allow);
    const moment = Math.floor(Date.now() / 1000);
    const mac = createHmac('sha256', await secretAt(hook.secret))
      .update(`${moment}.${body}`)
      .digest('hex');
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'testyard',
      'testyard-delivery': delivery,
      'testyard-signature': `t=${moment},v1=${mac}`,
    };
    const status = await this.answer(url, address, headers, body);
    if (status >= 200 && status < 300) return;
    throw new NotSent(`${url.host} answers ${status}`, status === 410);
  }

  private answer(
    url: URL,
    address: string,
    headers: Record<string, string | number>,
    body: string,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(this.limitMs);
      // The address that was looked at is the one that is connected to: a name may resolve differently the next time.
      const family = isIP(address);
      const options = {
        ...{ method: 'POST', headers, signal, agent: false as const },
        lookup: (_: string, { all }: { all?: boolean }, done: (...found: never[]) => void) =>
          (done as (...found: unknown[]) => void)(
            ...(all === true ? [null, [{ address, family }]] : [null, address, family]),
          ),
      };
      const fail = (error: Error) =>
        reject(
          new NotSent(
            `${url.host}: ${signal.aborted ? `no answer within ${this.limitMs / 1000} s` : error.message}`,
            false,
          ),
        );
      const request: ClientRequest = (url.protocol === 'https:' ? httpsRequest : httpRequest)(
        url,
        options,
        (response) => {
          let bytes = 0;
          const settle = () => resolve(response.statusCode ?? 0);
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes <= MOST_ANSWER_BYTES) return;
            settle();
            response.destroy();
          });
          response.once('end', settle).once('error', fail);
        },
      );
      request.once('error', fail);
      request.end(body);
    });
  }
}

/** One address of a name that may be connected to; all that it has are looked at, so that none slips in. */
async function addressFor(host: string, allow: readonly string[]): Promise<string> {
  const found =
    isIP(host) === 0
      ? await lookup(host, { all: true }).catch((error: Error) => {
          throw new NotSent(`${host}: ${error.message}`, false);
        })
      : [{ address: host }];
  const allowed = rangesOf(...allow);
  const barred = found.find(({ address }) => isIn(BARRED, address) && !isIn(allowed, address));
  if (barred !== undefined)
    throw new NotSent(
      `${host} is at ${barred.address}, which is no address of the internet: allow it in grid.yaml, with 'allow: [${barred.address}]'`,
      false,
    );
  const [first] = found;
  if (first === undefined) throw new NotSent(`${host} has no address`, false);
  return first.address;
}

function rangesOf(...ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
  }
  return list;
}

/** An IPv4 address in the clothes of IPv6 is what it is. */
function isIn(list: BlockList, address: string): boolean {
  const plain = address.split('%')[0] ?? '';
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}
