// Records what a file holds, or a command prints, on the grid's side while a case runs, as a power meter would.
// Parameters: file or command; every_ms (1000), name (value), unit.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { say, serve } from './lines.mjs';

const running = new Map();
const ended = new Map();
let parameters = {};

function read() {
  const { file, command } = parameters;
  if (file !== undefined) return readFile(file, 'utf8');
  return new Promise((resolve, reject) => {
    execFile('/bin/sh', ['-c', command], { timeout: 5000 }, (error, out) =>
      error ? reject(error) : resolve(out),
    );
  });
}

async function sample(record) {
  const ms = performance.now() - record.begun;
  const value = Number.parseFloat(await read().catch(() => ''));
  if (Number.isFinite(value)) record.samples.push({ ms, value });
}

function start(name) {
  const record = { begun: performance.now(), samples: [], last: Promise.resolve(), timer: undefined };
  const every = Math.max(Number(parameters.every_ms ?? 1000), 10);
  let isBusy = false;
  const take = () => {
    if (isBusy || record.samples.length >= 100_000) return;
    isBusy = true;
    record.last = sample(record).finally(() => {
      isBusy = false;
    });
  };
  take();
  record.timer = setInterval(take, every);
  running.set(name, record);
}

async function stop(name) {
  const record = running.get(name);
  if (record === undefined) return;
  clearInterval(record.timer);
  running.delete(name);
  await record.last;
  ended.set(name, record);
}

function tell(name) {
  const record = ended.get(name);
  if (record === undefined || record.samples.length === 0) return;
  ended.delete(name);
  const { name: what = 'value', unit = '' } = parameters;
  const values = record.samples.map(({ value }) => value);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const found = { mean, least: Math.min(...values), most: Math.max(...values) };
  for (const [kind, value] of Object.entries(found))
    say({ measurement: { case: name, name: `${what} ${kind}`, value: String(value), unit } });
  const rows = record.samples.map(({ ms, value }) => `${ms.toFixed(1)},${value}`);
  const text = `${['ms', what].join(',')}\n${rows.join('\n')}\n`;
  say({ attachment: { case: name, name: `${what.replace(/[^A-Za-z0-9._-]/g, '_')}.csv`, type: 'text/csv', text } });
}

await serve(async (news) => {
  if (news.event === 'run_start') {
    parameters = news.parameters;
    if (parameters.file === undefined && parameters.command === undefined)
      throw new Error("the sampler wants a parameter: 'file' or 'command'");
  }
  if (news.event === 'case_start') start(news.case);
  if (news.event === 'case_end') await stop(news.case);
  if (news.event === 'run_end') await Promise.all([...running.keys()].map(stop));
  if (news.event === 'case_post') tell(news.case);
});
