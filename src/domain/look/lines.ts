/**
 * What the script of the look printed for one part. It is data from a host that nobody vouches for. Two sorts of
 * lines: `PART<TAB>WORD<TAB>...` are the script's own words; all others are lines of files as grep shows them,
 * `path:line`, with the path from the root folder on (`sys/...`). Every line of a file carries its path, so nothing
 * in a file passes for a word of the script's.
 */
export interface PartLines {
  /** The part was looked through to its end: what was not seen is absent. */
  readonly done: boolean;
  /** What the script itself said, word by word, without the part's name. */
  readonly words: readonly (readonly string[])[];
  /** Lines of files, by path; a file that could not be read is not there. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/** More lines than a machine should have to say; later ones are not read, so that their parts stay unknown. */
export const MOST_LINES = 60_000;
const LONGEST_LINE = 8192;
const LONGEST_VALUE = 300;

const FILES =
  'address arch b\\d+:\\d+ bios_version block_size_bytes board_name boot_id container cpuinfo meminfo model modules ' +
  'online operstate os-release osrelease ostype product_name product_serial rotational serial size speed status ' +
  'sys_vendor type uevent uid_map';

/** A path ends at the first name of a file that the script reads: places have colons of their own. */
const FILE_LINE = new RegExp(`^(.*?/(?:${FILES.replaceAll(' ', '|')})):(.*)$`, 's');

/** Sorts lines by part; a part's lines are those between its `begin` and the next part's. */
export function partLines(lines: readonly string[]): ReadonlyMap<string, PartLines> {
  const parts = new Map<string, { done: boolean; words: string[][]; files: Map<string, string[]> }>();
  let name = '';
  let part: ReturnType<typeof parts.get>;
  for (const line of lines.slice(0, MOST_LINES)) {
    const begun = /^([a-z]+)\tbegin$/.exec(line)?.[1];
    if (begun !== undefined) {
      name = begun;
      part = { done: false, words: [], files: new Map() };
      parts.set(name, part);
    } else if (line === `${name}\tdone`) {
      if (part) part.done = true;
    } else if (line.startsWith(`${name}\t`)) {
      part?.words.push(line.slice(0, LONGEST_LINE).split('\t').slice(1));
    } else {
      const [, path, text = ''] = FILE_LINE.exec(line.slice(0, LONGEST_LINE)) ?? [];
      const known = path === undefined ? undefined : part?.files.get(path);
      if (known) known.push(text);
      else if (path !== undefined) part?.files.set(path, [text]);
    }
  }
  return parts;
}

/** Text of a host as it may be shown and kept: on one line, of bounded length; '' where there is none. */
export function shown(text: string | undefined): string {
  // Control characters, and those that turn the direction of writing, could make a page show something else.
  return (text ?? '')
    .slice(0, LONGEST_LINE)
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '\ufffd')
    .trim()
    .slice(0, LONGEST_VALUE);
}

/** The values of a file of lines `KEY=value`, such as those that the kernel's `uevent` files have. */
export function keyed(lines: readonly string[] | undefined): ReadonlyMap<string, string> {
  const pairs = (lines ?? []).map((line): [string, string] => {
    const at = line.indexOf('=');
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
  });
  return new Map(pairs);
}
