import { type Call, readCall } from './calls.js';
import { type Complaint, complaintOf, printedCase } from './complaint.js';
import { Places } from './places.js';

/** Something that may be a lack, and where in the test's output it came up; undefined: not known. */
export type Hint = { readonly at?: number } & (
  | Complaint
  /** No entry of PATH had it, as the host's own kernel told. */
  | { readonly of: 'sought'; readonly name: string; readonly byTest: boolean }
  | { readonly of: 'called'; readonly call: Call }
  /** All that the test waited for when its time was over. */
  | { readonly of: 'under-way'; readonly call: Call }
  /** A file system was seen full. */
  | { readonly of: 'full'; readonly path: string }
  | { readonly of: 'places'; readonly call: string }
  /** Both sides of a comparison were empty: values, or these files. */
  | { readonly of: 'empty'; readonly text: string; readonly files: readonly string[] }
  /** The test asked for a path that was not there. */
  | { readonly of: 'asked-path'; readonly path: string }
);

/** More hints than this are not kept; a test that floods is none the wiser for it. */
const MOST_HINTS = 2000;
const MOST_CASES = 20_000;
/** A line that is longer is read up to here. */
const LONGEST_LINE = 4000;

/** Gathers, while a test runs, what may have kept it from running, in the order of its output. */
export class Hints {
  readonly all: Hint[] = [];
  private readonly places = new Places();
  private readonly printed = new Map<string, number[]>();
  private printedCases = 0;
  private position = 0;
  private line = '';
  private lastCase = -1;
  private lineAt = 0;

  /** What the test prints, as it comes. */
  take(bytes: Buffer): void {
    let from = 0;
    for (;;) {
      const end = bytes.indexOf(10, from);
      const part = bytes.subarray(from, end === -1 ? bytes.length : end);
      if (this.line.length < LONGEST_LINE) this.line += part.toString('latin1', 0, LONGEST_LINE);
      if (end === -1) break;
      this.ended();
      from = end + 1;
      this.lineAt = this.position + from;
    }
    this.position += bytes.length;
  }

  /** A word of what watches on the host; false: it is none. */
  said([word = '', ...rest]: readonly string[], at: number): boolean {
    const [first = ''] = rest;
    switch (word) {
      case 'called': {
        const [tool = '', ...args] = rest;
        const call = readCall(tool, args);
        if (call !== undefined) this.add({ of: 'called', call, at: this.places.after(at) });
        return true;
      }
      case 'sought':
        this.add({
          of: 'sought',
          name: first,
          byTest: !isOfSystem(rest[1] ?? '', rest[2] ?? ''),
          at: this.places.after(at),
        });
        return true;
      case 'full':
        this.add({ of: 'full', path: first, at: this.places.after(at) });
        return true;
      case 'places':
        this.add({ of: 'places', call: first, at: this.places.after(at) });
        return true;
      case 'empty':
        this.add({ of: 'empty', text: first, files: rest.slice(1), at: this.places.after(at) });
        return true;
      case 'absent':
        this.add({ of: 'asked-path', path: first, at: this.places.after(at) });
        return true;
      default:
        return false;
    }
  }

  /**
   * Where a case was told that is recorded now, at byte `at`. Many tests print it when it has run, and have all of
   * them recorded at their end: then its line is its place.
   */
  placeOfCase(name: string, result: string, at: number): number {
    const short = name.slice(name.lastIndexOf(' / ') + 1).replace(/^\/ /, '');
    const place = this.printed.get(`${short} ${result}`)?.shift() ?? this.places.upTo(at);
    this.lastCase = Math.max(this.lastCase, place);
    return place;
  }

  /** What the test waits for now that its time is over. */
  late(call: Call): void {
    this.add({ of: 'under-way', call, at: this.places.after(this.position) });
  }

  /** Whether no case was told after a place. */
  isLast({ at }: Hint): boolean {
    return at === undefined || at > this.lastCase;
  }

  /** Complaints that the test wrote into files of its own, nobody knows when. */
  logged(lines: readonly string[]): void {
    for (const line of lines) {
      const complaint = complaintOf(line);
      if (complaint !== undefined) this.add(complaint);
    }
  }

  private ended(): void {
    const line = Buffer.from(this.line, 'latin1').toString('utf8').replace(/\r$/, '');
    this.line = '';
    const one = printedCase(line);
    if (one !== undefined) {
      this.printedCases += 1;
      if (this.printedCases > MOST_CASES) return;
      const key = `${one.name} ${one.result}`;
      const places = this.printed.get(key) ?? [];
      places.push(this.places.upTo(this.lineAt));
      this.printed.set(key, places);
      return;
    }
    const complaint = complaintOf(line);
    if (complaint !== undefined) this.add({ ...complaint, at: this.places.after(this.lineAt) });
  }

  private add(hint: Hint): void {
    if (this.all.length < MOST_HINTS) this.all.push(hint);
  }
}

/** What a test starts its commands with; what else lies in the system's folders is a tool that looks for its own. */
const STARTERS =
  /^(?:env|timeout|xargs|find|sudo|su|runuser|doas|nice|ionice|nohup|setsid|stdbuf|unbuffer|time|watch|make|gmake|parallel|chrt|taskset|numactl|setarch|strace|ltrace|gdb|valgrind|perf|script|expect|chroot|unshare|nsenter|ip|ssh|systemd-run|start-stop-daemon|which|awk|gawk|mawk|tclsh|ruby|node|php|lua)[0-9.]*$/;

/**
 * Whether a command line is that of a program of the host itself: `/bin/sh /var/lib/dpkg/info/fio.postinst configure`, or
 * `docker build .` run by `/usr/bin/docker`. `exe` is '' where that is not known.
 */
function isOfSystem(line: string, exe: string): boolean {
  const [program = '', script = ''] = line.split(' ');
  const isInterpreter = /(?:^|\/)(?:sh|dash|bash|ash|busybox|perl|python[0-9.]*|env)$/.test(
    exe === '' ? program : exe,
  );
  const file = isInterpreter ? script : exe === '' ? program : exe;
  const isStarter = !isInterpreter && STARTERS.test(file.slice(file.lastIndexOf('/') + 1));
  return !isStarter && /^\/(?:usr|s?bin|lib|var\/lib|etc)\//.test(file);
}
