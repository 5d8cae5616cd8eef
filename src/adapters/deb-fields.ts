import type { ChangeFacts, Dependency } from '../domain/change.js';

/** The fields of one paragraph of a control file, by name. */
export type Paragraph = ReadonlyMap<string, string>;

/** The paragraphs of a control file (Debian policy 5.1); lines that go on keep their break. */
export function* paragraphsOf(text: string): Generator<Paragraph> {
  let fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    if (line.trim() === '') {
      if (fields.size > 0) yield fields;
      fields = new Map();
    } else if (/^[ \t]/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`);
    else {
      const colon = line.indexOf(':');
      last = line.slice(0, Math.max(colon, 0)).toLowerCase();
      if (colon > 0) fields.set(last, line.slice(colon + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}

const OPERATORS = { '<<': '<', '<=': '<=', '=': '=', '>=': '>=', '>>': '>', '<': '<=', '>': '>=' } as const;

/** Relations between packages (Debian policy 7.1), the first of what would do with the others behind it. */
export function relationsOf(text: string | undefined): readonly Dependency[] {
  return (text ?? '').split(',').flatMap((one) => {
    const [first, ...or] = one.split('|').flatMap((alternative) => relation(alternative));
    return first === undefined ? [] : [{ ...first, ...(or.length === 0 ? {} : { or }) }];
  });
}

function relation(text: string): readonly Dependency[] {
  const [, name, operator, version] =
    /^\s*([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?/.exec(
      text,
    ) ?? [];
  if (name === undefined) return [];
  if (operator === undefined || version === undefined) return [{ package: name }];
  return [{ package: name, operator: OPERATORS[operator as keyof typeof OPERATORS], version }];
}

/** What a search goes by, of a package's paragraph. */
export function factsOf(fields: Paragraph): ChangeFacts {
  const name = fields.get('package') ?? '';
  const depends = [...relationsOf(fields.get('pre-depends')), ...relationsOf(fields.get('depends'))];
  const conflicts = [...relationsOf(fields.get('conflicts')), ...relationsOf(fields.get('breaks'))];
  const provides = relationsOf(fields.get('provides')).map((one) => one.package);
  const section = fields.get('section');
  const architecture = fields.get('architecture');
  const file = fields.get('filename');
  return {
    name,
    source: fields.get('source')?.split(' ')[0] ?? name,
    ...(depends.length === 0 ? {} : { depends }),
    ...(conflicts.length === 0 ? {} : { conflicts }),
    ...(provides.length === 0 ? {} : { provides }),
    ...(section === undefined ? {} : { section }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(file === undefined ? {} : { file }),
  };
}

/** What the newest entry of a changelog says (Debian policy 4.4). */
export interface ChangelogEntry {
  /** The first thing that it tells. */
  readonly title?: string;
  readonly author?: string;
  readonly madeAt?: Date;
}

/** The newest entry of a changelog, as far as it can be read. */
export function newestEntry(changelog: string): ChangelogEntry {
  const end = /^ -- (.+>) {1,2}(.+)$/m.exec(changelog);
  const first = /^\s+[*-] (.+)$/m.exec(changelog.slice(0, end?.index ?? changelog.length))?.[1]?.trim();
  const madeAt = new Date(end?.[2] ?? '');
  return {
    ...(first === undefined ? {} : { title: first }),
    ...(end?.[1] === undefined ? {} : { author: end[1].trim() }),
    ...(Number.isNaN(madeAt.getTime()) ? {} : { madeAt }),
  };
}
