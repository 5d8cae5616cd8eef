import { caseCommand } from './case-command.js';
import { quote } from './wrapper.js';

/** What looks at the host before anything else runs there. */
export interface BundledProbe {
  readonly script: string;
  /** What it prints is wanted, and not only its exit code. */
  readonly prints: boolean;
}

/** What a session brings to the host. */
export interface Bundle {
  /** The test's own bytes; empty where none is run. */
  readonly test: Buffer;
  readonly setup?: string;
  readonly teardown?: string;
  /** Shell text of a step or its undo. */
  readonly step?: string;
  readonly undo?: string;
  /** The wrapper numbers them from 1. */
  readonly probes: readonly BundledProbe[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Where the bundle's parts meet the wrapper: the working folder is `$d` there. */
const FOLDER = '$d';

/**
 * The payload: shell text that lays out every file but the test, and the test's bytes. It is read by `head` in
 * one go, so that nothing of it is ever on a command line.
 */
export function payload(bundle: Bundle, key: string): { readonly scripts: Buffer; readonly test: Buffer } {
  const write = (file: string, text: string) => `printf %s ${quote(text)} >"$d/${file}"\n`;
  const parts = [
    // The helper names its folder itself: a test may clear its environment.
    `printf '#!/bin/sh\\nd="%s"\\n' "${FOLDER}" >"$d/bin/testyard-case"\n`,
    `printf %s ${quote(caseCommand(key))} >>"$d/bin/testyard-case"\n`,
    write('.env', environmentText(bundle.environment)),
  ];
  for (const name of ['setup', 'teardown', 'step', 'undo'] as const) {
    const text = bundle[name];
    if (text !== undefined) parts.push(write(name, text));
  }
  bundle.probes.forEach(({ script, prints }, index) => {
    parts.push(write(`.probe.${index + 1}`, script));
    if (prints) parts.push(`: >"$d/.told.${index + 1}"\n`);
  });
  return { scripts: Buffer.from(parts.join('')), test: bundle.test };
}

/** Names that a shell can export. */
export const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function environmentText(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/** How the wrapper starts a test, or why no kernel would: what has no `#!` is for /bin/sh if it is text. */
export function wayToStart(test: Buffer): 'direct' | 'sh' | { readonly never: string } {
  if (test.length === 0) return { never: 'the test is empty' };
  if (test.subarray(0, 2).toString('latin1') === '#!') return 'direct';
  if (test.subarray(0, 4).toString('latin1') === '\x7fELF') return 'direct';
  const head = test.subarray(0, 512);
  if (head.includes(0)) return { never: 'the test is neither a script nor a program for Linux' };
  return 'sh';
}

/** The program that a script's first line asks for, for messages. */
export function interpreterOf(test: Buffer): string | undefined {
  const line = test.subarray(0, 256).toString('utf8').split('\n')[0] ?? '';
  return line.startsWith('#!') ? line.slice(2).trim().split(/\s+/)[0] : undefined;
}
