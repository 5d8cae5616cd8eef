import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { startYard, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

/** Asks the instrument for a number when a case begins. */
const METER = `#!/usr/bin/env node
const { connect } = require('node:net');
const lines = require('node:readline').createInterface({ input: process.stdin });
let at = '';
const ask = () => new Promise((resolve) => {
  const [, host, port] = /^tcp:\\/\\/(.*):(\\d+)$/.exec(at);
  const socket = connect(Number(port), host, () => socket.write('MEAS?\\n'));
  socket.once('data', (data) => { socket.destroy(); resolve(Number(data)); });
});
lines.on('line', async (line) => {
  const news = JSON.parse(line);
  if (news.event === 'run_start') at = news.instruments[0].address;
  if (news.event === 'case_start')
    console.log(JSON.stringify({ measurement: { name: 'power as ' + process.getuid(), value: await ask(), unit: 'W' } }));
  console.log(JSON.stringify({ done: news.id }));
});
`;
const TEST = `#!/bin/sh
# testyard: requires: meter
# testyard: handlers: ./ask.js, clock
testyard-signal case-start boot; testyard-signal case-end boot; testyard-case boot pass
`;

describe.skipIf(obstacle)(`handlers${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  let yard: Yard;
  let meter: Server;

  beforeAll(async () => {
    const host = (await lightHosts(1))[0] as LightHost;
    meter = createServer((socket) => socket.on('data', () => socket.end('42.5\n')).on('error', () => {}));
    await new Promise<void>((resolve) => void meter.listen(0, '127.0.0.1', resolve));
    const { port } = meter.address() as { port: number };
    yard = await startYard({
      hosts: [{ host }],
      resources: `resources:\n  meter: {meaning: measures power, instrument: true, with: [${host.name}], address: 'tcp://127.0.0.1:${port}', owner: ann}\n`,
      grid: 'trusted_projects: [default]\nhandlers:\n  clock: {use: duration}\n',
    });
    await mkdir(path.join(yard.folder, 'suite'));
    await writeFile(path.join(yard.folder, 'suite/watts.sh'), TEST);
    await writeFile(path.join(yard.folder, 'suite/ask.js'), METER);
  }, 360_000);

  afterAll(async () => {
    meter?.close();
    await yard?.stop();
  }, 120_000);

  test('that come with a test ask the instrument that is leased with its host', async () => {
    const said = await yard.grid.cli('submit', '--watch', path.join(yard.folder, 'suite'));
    expect(said.out + said.err).toMatch(/watts +passed/);
    expect(said.code).toBe(0);
    const [run] = await yard.grid.runs();
    const { attemptList } = await yard.grid.run(run?.id ?? '');
    const told = (attemptList[0]?.measured ?? []).map(
      ({ handler, name, value, unit }) => `${handler} ${name.replace(/\d+$/, 'UID')} ${value} ${unit}`,
    );
    expect(told).toContain('ask.js power as UID 42.5 W');
    expect(told.some((one) => one.startsWith('clock duration'))).toBe(true);
    expect(attemptList[0]?.attachments ?? []).toEqual([]);
  }, 180_000);
});
