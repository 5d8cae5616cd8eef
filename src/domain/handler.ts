/** A handler as an admin declares it: one of our own, or any program; tests can only name it. */
export interface HandlerSpec {
  readonly use?: 'duration' | 'sampler';
  readonly command: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  /** It acts for every test, and not only for those that name it. */
  readonly always: boolean;
}

/** An instrument that is leased with a place, as its handlers are told of it. */
export interface LeasedInstrument {
  readonly name: string;
  /** Where it answers, in words that its handler understands; undefined: nobody said. */
  readonly address?: string;
  /** Which of its units, counted from 1. */
  readonly unit: number;
}

/** The largest handler that comes with a test. */
export const LARGEST_HANDLER_BYTES = 256 * 1024;

/** How a test names a program that lies beside it, and not one of an admin's. */
const BESIDE = /^\.\/([A-Za-z0-9][A-Za-z0-9._-]{0,95})$/;

/** The name of the file where a test means one beside itself; undefined: it means one of an admin's. */
export function fileBeside(handler: string): string | undefined {
  return BESIDE.exec(handler)?.[1];
}

/** The files beside a test that it names as handlers. */
export function filesBeside(handlers: readonly string[] | undefined): readonly string[] {
  return (handlers ?? []).flatMap((handler) => fileBeside(handler) ?? []);
}

/** What is wrong with a program that is to answer signals, or undefined. */
export function wrongProgram(bytes: Uint8Array): string | undefined {
  if (bytes.length > LARGEST_HANDLER_BYTES)
    return `it has ${bytes.length} bytes; a handler that comes with a test has at most ${LARGEST_HANDLER_BYTES}`;
  const head = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  if (head.startsWith('#!') || head === '\x7fELF') return undefined;
  return 'nothing says what runs it: begin it with a line such as #!/usr/bin/env python3';
}

/** Paths of files that tests name as handlers of theirs: they look like tests, and are none. */
export function handlersAmong(
  tests: readonly { readonly path: string; readonly handlers?: readonly string[] | undefined }[],
): ReadonlySet<string> {
  return new Set(
    tests.flatMap(({ path, handlers }) =>
      filesBeside(handlers).map((file) => `${path.slice(0, path.lastIndexOf('/') + 1)}${file}`),
    ),
  );
}
