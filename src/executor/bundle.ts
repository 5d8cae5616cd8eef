import { ATTACH_COMMAND, CASE_COMMAND, SIGNAL_COMMAND } from './case-command.js';
import { helperHead } from './helper-script.js';
import { LAVA_COMMANDS } from './lava-commands.js';
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
  /** What is under test; undefined: nothing that was uploaded. */
  readonly files?: readonly BundledFile[];
  /** True where somebody on the grid's side acts upon signals: helpers wait for them. */
  readonly handled?: boolean;
  /** Undefined: no LAVA definition. */
  readonly lava?: BundledLava;
}

/** What is laid out for a LAVA definition, in the folders where its scripts look for it. */
export interface BundledLava {
  /** Its own folder below `tests`: letters, digits, dot, dash, underscore. */
  readonly folder: string;
  /** A tar archive compressed by gzip, here; its files go into that folder. */
  readonly tree?: { readonly file: string; readonly bytes: number };
}

/** A file that the host asks for while the session begins, too long to be part of the payload. */
export interface BundledFile {
  /** Its name on the host: letters, digits, dot, dash, underscore. */
  readonly name: string;
  /** Names its path in the environment. */
  readonly variable: string;
  /** Where it is here. */
  readonly file: string;
  readonly bytes: number;
}

/** Where the bundle's parts meet the wrapper: the working folder is `$d` there. */
const FOLDER = '$d';

/**
 * The payload: shell text that lays out every file but the test, and the test's bytes. It is read by `head` in
 * one go, so that nothing of it is ever on a command line.
 */
export function payload(bundle: Bundle, key: string): { readonly scripts: Buffer; readonly test: Buffer } {
  const write = (file: string, text: string) => `printf %s ${quote(text)} >"$d/${file}"\n`;
  const own = {
    'testyard-case': CASE_COMMAND,
    'testyard-attach': ATTACH_COMMAND,
    'testyard-signal': SIGNAL_COMMAND,
  };
  const helpers = { ...own, ...(bundle.lava === undefined ? {} : LAVA_COMMANDS) };
  const parts = [write('.helper', helperHead(key)), write('.env', environmentText(bundle.environment))];
  for (const [name, body] of Object.entries(helpers)) parts.push(helper(name, body));
  for (const name of ['setup', 'teardown', 'step', 'undo'] as const) {
    const text = bundle[name];
    if (text !== undefined) parts.push(write(name, text));
  }
  bundle.probes.forEach(({ script, prints }, index) => {
    parts.push(write(`.probe.${index + 1}`, script));
    if (prints) parts.push(`: >"$d/.told.${index + 1}"\n`);
  });
  if (bundle.handled) parts.push(write('.handled', ''));
  if (bundle.lava !== undefined) parts.push(layOut(bundle.lava));
  if (bundle.files !== undefined || bundle.lava?.tree !== undefined) parts.push(takeFiles(bundle));
  return { scripts: Buffer.from(parts.join('')), test: bundle.test };
}

/** A helper names its folder itself: a test may clear its environment. */
function helper(name: string, body: string): string {
  const file = `"$d/bin/${name}"`;
  return `printf '#!/bin/sh\\nd="%s"\\n. "$d/.helper"\\n' "${FOLDER}" >${file}; printf %s ${quote(body)} >>${file}\n`;
}

/** The files of a bundle in the order in which the host asks for them. */
export function filesToBring({
  files = [],
  lava,
}: Bundle): readonly { readonly name: string; readonly file: string }[] {
  return lava?.tree === undefined ? files : [...files, { name: 'tree', file: lava.tree.file }];
}

/**
 * Scripts look for `/lava-*` at the root, and for a folder and no link. A sandbox has made it; on a host it is made where
 * that can be, and noted, so that it goes even if this session is cut off. Else all of it is in the session's folder.
 */
function layOut({ folder }: BundledLava): string {
  if (!FILE_NAME.test(folder)) throw new Error(`no name for a folder: '${folder}'`);
  return `lava=/lava-$attempt
if [ "$mode" = sandbox ] && [ -O "$lava" ]; then :
elif [ "$mode" != sandbox ] && mkdir "$lava" 2>/dev/null; then printf '%s\\n' "$d" "$lava" >"$folder/work.$attempt"
else lava=$d/lava; fi
home=$lava/0/tests/${folder}
mkdir -p "$home" && ln -s "$d/bin" "$lava/bin" && cp "$d/.env" "$lava/0/environment" && printf '%s\\n' "$home" >"$d/.home" ||
  { say "broken the folder $home cannot be made"; cd /; rm -rf "$lava" "$d"; exit 213; }
`;
}

/**
 * Shell text that ends the payload and asks for each file in turn. Nothing else comes while the host has asked, because
 * a `head` that reads ahead would swallow it; what it wrote is counted, because not every `head` tells of a full disk.
 */
function takeFiles({ files = [], lava }: Bundle): string {
  const takes = files.map(({ name, variable, bytes }, index) => {
    if (!FILE_NAME.test(name) || !ENVIRONMENT_NAME.test(variable))
      throw new Error(`no name for a file: '${name}'`);
    return `f="$d/artefacts/${name}"
say 'bring ${index + 1}'
why=$( head -c ${bytes} 2>&1 >"$f" ) && [ $(wc -c <"$f") -eq ${bytes} ] && chmod 755 "$f" &&
  printf 'export ${variable}="%s"\n' "$f" >>"$d/.env" || no_artefact "artefact '${name}'" ${bytes}
`;
  });
  if (lava?.tree !== undefined) takes.push(takeTree(files.length + 1, lava.tree.bytes));
  return `no_artefact() {
  say "broken $1 ($2 bytes) cannot be put into $d: \${why:-not all of it arrived}"
  cd /; rm -rf "$d" $lava; exit 213
}
${files.length === 0 ? '' : `why=$( mkdir "$d/artefacts" 2>&1 ) || no_artefact artefacts 0\n`}${takes.join('')}`;
}

/** How a pipe ended is told by its last command alone: the one before it says a word where it failed. */
function takeTree(index: number, bytes: number): string {
  return `f=$d/.tree
say 'bring ${index}'
why=$( head -c ${bytes} 2>&1 >"$f" ) && [ $(wc -c <"$f") -eq ${bytes} ] || no_artefact "the test's files" ${bytes}
why=$( { { gzip -dc <"$f" || echo 'cannot be unpacked' >&2; } | tar -xof - -C "$home"; } 2>&1 ) || why="cannot be unpacked: $why"
case $why in *'cannot be unpacked'*) why=$(printf %s "$why" | tr '\\n' ' ' | head -c 300); no_artefact "the test's files" ${bytes} ;; esac
rm -f "$f"
`;
}

/** Names of files on a host. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

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
