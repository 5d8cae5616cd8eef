import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OwnLineSplitter } from '../../src/executor/own-line.js';
import { Session } from '../../src/executor/session.js';
import { systemTiming } from '../../src/executor/system-timing.js';
import type { ShellConnection } from '../../src/ports/shell.js';

describe('questions that come to mind after a test', () => {
  it('are answered each by itself, on a host that has much else to do', async () => {
    // Whoever answers is often interrupted right after, so that the next question is under way by the time it goes on.
    const busy = Array.from({ length: 6 }, () => spawn('/bin/sh', ['-c', 'while :; do :; done']));
    onTestFinished(() => {
      for (const one of busy) one.kill('SIGKILL');
    });
    const connection: ShellConnection = {
      start: async (command) => {
        const child = spawn('/bin/sh', ['-c', command], { stdio: 'pipe' });
        const { stdin, stdout, stderr } = child;
        const exit = once(child, 'exit').then(([code]) => ({ kind: 'exited', code: Number(code) }) as const);
        return { stdin, stdout, stderr, exit, abandon: () => stdin.end() };
      },
      ended: new Promise(() => {}),
      close: () => {},
    };
    const session = await Session.open(connection, {
      mark: { seat: `${process.pid}.7`, attempt: '1' },
      mode: 'auto',
      bundle: { test: Buffer.from('x'), probes: [], environment: {} },
      limits: { beginMs: 30_000, answerMs: 30_000, probeMs: 30_000, askMs: 30_000 },
      timing: systemTiming,
      onOutput: () => {},
      onSpoken: () => 'ok',
    });
    const answers: (readonly string[] | undefined)[] = [];
    const questions = Array.from({ length: 100 }, (_, n) => `${n}`);
    for (const n of questions) answers.push(await session.ask(`echo ${n}`));
    expect(answers).toEqual(questions.map((n) => [n]));
    await session.end();
  });
});

describe('the output of a phase', () => {
  it('is complete before its end is told, whatever the order of stdout and stderr', async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let nonce = '';
    stdin.setEncoding('utf8').on('data', (text: string) => {
      if (nonce === '') {
        nonce = text.split(' ')[0] ?? '';
        stderr.write(`TY ${nonce} user 0\nTY ${nonce} ready plain\n`);
      }
      if (!text.includes('go 1 test')) return;
      stderr.write(`TY ${nonce} ended 1 exited 7\nTY wrong ended 1 exited 0\n`);
      setTimeout(() => stdout.write('late, and then the trailer\nTY-'), 50);
      setTimeout(() => stdout.write(`${nonce}-1\n`), 100);
    });
    const connection: ShellConnection = {
      start: async () => ({ stdin, stdout, stderr, exit: new Promise(() => {}), abandon: () => {} }),
      ended: new Promise(() => {}),
      close: () => {},
    };
    let output = '';
    const session = await Session.open(connection, {
      mark: { seat: '1.1', attempt: '1' },
      mode: 'auto',
      bundle: { test: Buffer.from('x'), probes: [], environment: {} },
      limits: { beginMs: 5000, answerMs: 5000, probeMs: 5000, askMs: 30_000 },
      timing: systemTiming,
      onOutput: (bytes) => {
        output += bytes.toString();
      },
      onSpoken: () => 'ok',
    });
    expect(await session.run('test', 'sh', 5000)).toEqual({ kind: 'exited', code: 7 });
    expect(output).toBe('late, and then the trailer\n');
  });

  it('keeps every byte but lines of our own, however it is cut into chunks', () => {
    const text =
      'TY-aa-x\nTY-TY-ab-1\nTY-aa-1\nTY-aa-12345678901\n\0\xffTY-aaTY-aa-2\nno end: TY-ab-m:said\nTY-ab-m:No\nTY-aa';
    for (let size = 1; size <= text.length; size++) {
      const seen: string[] = [];
      let output = '';
      const read = (text: string) => seen.push(`${text} after ${output.length}`);
      const splitter = new OwnLineSplitter(
        [
          { head: 'TY-aa-', form: /^[0-9]{1,10}$/, most: 10, read },
          { head: 'TY-ab-m:', form: /^[a-z]+$/, most: 40, read },
        ],
        (bytes) => {
          output += bytes.toString('latin1');
        },
      );
      for (let at = 0; at < text.length; at += size) {
        splitter.take(Buffer.from(text.slice(at, at + size), 'latin1'));
      }
      splitter.end();
      expect(output).toBe('TY-aa-x\nTY-TY-ab-1\nTY-aa-12345678901\n\0\xffTY-aano end: TY-ab-m:No\nTY-aa');
      expect(seen).toEqual(['1 after 19', '2 after 44', 'said after 52']);
    }
  });
});
