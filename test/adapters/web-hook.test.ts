import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SignedWebHooks } from '../../src/adapters/web-hook.js';
import { NotSent } from '../../src/ports/mailer.js';

let server: Server;
let port: number;
let asked: { headers: IncomingHttpHeaders; body: string; url: string | undefined }[] = [];
let answer: (response: ServerResponse) => void;
beforeAll(async () => {
  process.env['TESTYARD_TEST_HOOK'] = 'a secret';
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push({ headers: request.headers, body: Buffer.concat(chunks).toString(), url: request.url });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  delete process.env['TESTYARD_TEST_HOOK'];
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = [];
  answer = (response) => response.writeHead(204).end();
});

const post = (host: string, allow: readonly string[] = [], limitMs = 5000) =>
  new SignedWebHooks(limitMs).post(
    { url: `http://${host}:${port}/hook`, secret: { env: 'TESTYARD_TEST_HOOK' }, allow },
    'm7',
    '{"event":"told"}',
  );

describe('a web hook', () => {
  it('is posted with a signature that whoever knows the secret can check', async () => {
    await post('127.0.0.1', ['127.0.0.0/8']);
    expect(asked).toHaveLength(1);
    const { headers, body } = asked[0] as (typeof asked)[number];
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'testyard-delivery': 'm7' });
    const [, moment = '', mac] =
      /^t=([0-9]+),v1=([0-9a-f]{64})$/.exec(String(headers['testyard-signature'])) ?? [];
    expect(createHmac('sha256', 'a secret').update(`${moment}.${body}`).digest('hex')).toBe(mac);
    expect(Math.abs(Date.now() / 1000 - Number(moment))).toBeLessThan(60);
    expect(body).toBe('{"event":"told"}');
  });

  it.each([
    ...['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '0x7f.1', '2130706433'],
    ...['10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '[fd00::1]', '[fe80::1]'],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '224.0.0.1', '255.255.255.255'],
  ])('at %s goes nowhere, unless the grid file allows the address', async (host) => {
    await expect(post(host)).rejects.toThrow(/which is no address of the internet: allow it in grid\.yaml/);
    await expect(post(host, ['192.0.2.1'])).rejects.toThrow(NotSent);
    expect(asked).toEqual([]);
  });

  it('is allowed by the address that its name has, and by nothing less', async () => {
    await post('localhost', ['127.0.0.1', '::1']);
    expect(asked).toHaveLength(1);
  });

  it('is not redirected', async () => {
    answer = (response) => response.writeHead(307, { location: `http://127.0.0.1:${port}/inner` }).end();
    await expect(post('127.0.0.1', ['127.0.0.1'])).rejects.toThrow(/answers 307/);
    expect(asked.map(({ url }) => url)).toEqual(['/hook']);
  });

  it('that is gone is given up, another refusal is tried again', async () => {
    answer = (response) => response.writeHead(410).end();
    await expect(post('127.0.0.1', ['127.0.0.1'])).rejects.toMatchObject({ isForGood: true });
    answer = (response) => response.writeHead(503).end();
    await expect(post('127.0.0.1', ['127.0.0.1'])).rejects.toMatchObject({ isForGood: false });
  });

  it('that does not answer, or never ends, is left alone after its time', async () => {
    answer = () => {};
    await expect(post('127.0.0.1', ['127.0.0.1'], 300)).rejects.toThrow(/no answer within 0\.3 s/);
    answer = (response) => {
      const more = () => response.writable && response.write(Buffer.alloc(65_536), more);
      response.writeHead(200);
      more();
    };
    await post('127.0.0.1', ['127.0.0.1']);
  });

  it('without its secret is not posted', async () => {
    const hook = {
      url: `http://127.0.0.1:${port}/`,
      secret: { file: '/no/such/file' },
      allow: ['127.0.0.1'],
    };
    await expect(new SignedWebHooks().post(hook, 'm1', '{}')).rejects.toThrow(/the secret cannot be read/);
    expect(asked).toEqual([]);
  });
});
