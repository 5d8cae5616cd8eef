import { describe, expect, it } from 'vitest';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { filesOf, TELLING } from './inventory-lab.js';

const reading = (grid: string, hosts = 'hosts:\n  box: {local: {}, owner: Ned}\n') =>
  readInventoryFiles(
    new Map([
      ['grid.yaml', Buffer.from(`name: lab\nadmin: Ann <ann@example.org>\n${grid}`)],
      ['hosts.yaml', Buffer.from(hosts)],
    ]),
  );
const mistakes = (grid: string) => {
  const result = reading(grid);
  return result.ok ? [] : result.problems.map(({ line, message }) => `${line}: ${message}`);
};
const MAIL = 'mail: {smtp: "smtp://mail.example.org", from: lab@example.org}\n';

describe('how people are told, in the grid file', () => {
  it('is read', () => {
    const result = readInventoryFiles(filesOf(TELLING), { base: '/lab' });
    expect(result).toMatchObject({
      ok: true,
      inventory: {
        grid: {
          people: { Ned: 'ned@example.org' },
          mail: { smtp: 'smtp://mail.example.org:587', password: { file: '/etc/smtp' }, digest: 'hourly' },
          webHooks: { chat: { secret: { env: 'CHAT' }, allow: ['10.0.0.0/8', '::1'] } },
          healthCheck: '0 3 * * *',
        },
      },
    });
  });

  it.each([
    ['mail: {from: a@b.c}', /'smtp' is missing/],
    ['mail: {smtp: "http://x", from: a@b.c}', /no mail server: write smtp:/],
    ['mail: {smtp: "smtp://x/y", from: a@b.c}', /only a server and its port/],
    ['mail: {smtp: "smtp://x", from: "Lab <a@b.c>"}', /is not an address of mail/],
    ['mail: {smtp: "smtp://x", from: a@b.c, user: me}', /'user' and 'password' go together/],
    ['mail: {smtp: "smtp://x", from: a@b.c, user: me, password: hunter2}', /says only where secrets are/],
    ['mail: {smtp: "smtp://x", from: a@b.c, user: me, password: {file: here}}', /path from the root/],
    ['mail: {smtp: "smtp://x", from: a@b.c, digest: weekly}', /none of hourly, daily/],
    ['people: {ann: "a@b.c\\r\\nBcc: x@y.z"}', /is not an address of mail|carriage|control/],
    ['people: {ann: "a@b.c, x@y.z"}', /is not an address of mail/],
    ['web_hooks: {chat: {url: "ftp://x", secret: {env: X}}}', /no address of the web/],
    ['web_hooks: {chat: {url: "https://x"}}', /'secret' is missing/],
    [
      'web_hooks: {chat: {url: "https://x", secret: {env: X}, allow: [10.0.0.0/33]}}',
      /no address, nor a range/,
    ],
    ['web_hooks: {chat: {url: "https://x", secret: {env: X}, allow: [lab]}}', /no address, nor a range/],
    ['health_check: 0 25 * * *', /no line of cron: .*25/],
    ['health_check: daily', /five fields/],
    ['handlers: {a: {use: timer}}', /none of duration, sampler/],
  ])('%s is refused', (grid, message) => {
    const said = mistakes(grid);
    expect(said.length).toBeGreaterThan(0);
    expect(said.some((one) => message.test(one) && one.startsWith('3:'))).toBe(true);
  });

  it('is checked against the owners: who has no address is named once, and who is told instead', () => {
    const hosts =
      'hosts:\n  box: {local: {}, owner: Ned}\n  two: {local: {}, owner: Ned}\n  three: {local: {}, owner: b@c.d}\n';
    const told = (grid: string) =>
      reading(grid, hosts).warnings.map(({ file, line, message }) => [file, line, message]);
    expect(told(MAIL)).toEqual([
      [
        'hosts.yaml',
        2,
        "owner 'Ned' of host 'box' has no address below 'people:' in grid.yaml: Ann <ann@example.org> is told instead",
      ],
    ]);
    expect(told(`${MAIL}people: {Ned: ned@example.org}\n`)).toEqual([]);
    expect(told('')).toEqual([]);
  });
});
