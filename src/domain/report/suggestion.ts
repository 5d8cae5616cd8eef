import type { Lack } from '../judge/fact.js';
import { lackKey, lackText, tagOf } from '../judge/lack.js';

/**
 * What a test should say that it needs, and how a host could be given it, by what it was seen to lack: YAML that is
 * ready to be pasted, in three parts of which the last two are left out where there is nothing to say. Commands, modules,
 * root and the like are standard tags; others need an entry in the lab's catalogue.
 */
export function suggestion(test: string, lacks: readonly Lack[]): string {
  const distinct = [...new Map(lacks.map((lack) => [lackKey(lack), lack])).values()];
  const needs = [...new Set(distinct.flatMap((lack) => tagOf(lack)?.split(', ') ?? []))];
  const helpless = distinct.filter((lack) => tagOf(lack) === undefined);
  const lines = [
    `# ${oneLine(test)} lacked ${distinct.map(lackText).map(oneLine).join('; ')}.`,
    ...helpless.map((lack) => `# No tag helps with ${oneLine(lackText(lack))}.`),
    ...(needs.length === 0 ? [] : ['requires:', ...needs.map((tag) => `  - ${tag}`)]),
    ...stepLines(test, distinct),
    ...tagLines(distinct),
  ];
  return `${lines.join('\n')}\n`;
}

/** A step that installs what package managers were asked for in vain. */
function stepLines(test: string, lacks: readonly Lack[]): readonly string[] {
  const packages = [
    ...new Set(
      lacks.flatMap((lack) => (lack.kind === 'package' && lack.why !== 'not_root' ? lack.names : [])),
    ),
  ];
  if (packages.length === 0) return [];
  const commands = lacks.flatMap((lack) => (lack.kind === 'command' ? (tagOf(lack) ?? []) : []));
  const gives = [...packages.map((name) => `pkg:${name}`), ...new Set(commands)];
  return [
    '',
    '# A step of the inventory that gives them, where the repositories of its hosts have them:',
    'steps:',
    `  packages-of-${test
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')}:`,
    '    layer: packages',
    '    owner: admin',
    '    needs: [root]',
    `    gives: [${gives.join(', ')}]`,
    '    script: |',
    '      apt-get update -q',
    `      DEBIAN_FRONTEND=noninteractive apt-get install -q -y ${packages.join(' ')}`,
    '    undo: |',
    `      DEBIAN_FRONTEND=noninteractive apt-get purge -q -y ${packages.join(' ')}`,
  ];
}

/** Entries for the tags that are not standard. */
function tagLines(lacks: readonly Lack[]): readonly string[] {
  const entries = lacks.flatMap(entriesOf);
  if (entries.length === 0) return [];
  return [
    '',
    "# Entries for the lab's tags.yaml, where it has none yet:",
    'tags:',
    ...entries.flatMap(({ tag, meaning, probe }) => [
      `  ${tag}:`,
      `    meaning: ${meaning}`,
      ...(probe === undefined ? [] : [`    probe: ${probe}`]),
    ]),
  ];
}

interface Entry {
  readonly tag: string;
  readonly meaning: string;
  readonly probe?: string;
}

function entriesOf(lack: Lack): readonly Entry[] {
  const tag = tagOf(lack);
  if (tag === undefined) return [];
  switch (lack.kind) {
    case 'package':
      if (lack.why === 'not_root') return [];
      return lack.names.map((name) => ({
        tag: `pkg:${name}`,
        meaning: `The package ${name} is installed.`,
        probe: `dpkg -s ${name} >/dev/null 2>&1 || exit 1`,
      }));
    case 'device':
      if (!tag.startsWith('path:')) return [];
      return [{ tag, meaning: `There is ${lack.path}.`, probe: `"[ -e '${lack.path}' ] || exit 1"` }];
    case 'download':
      return [{ tag, meaning: 'What is outside of the lab can be fetched from.' }];
    case 'space':
      return [{ tag, meaning: `There is room at ${lack.path}.` }];
    case 'kernel_feature':
      return [{ tag, meaning: `The kernel has ${lack.name}.` }];
    default:
      return [];
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
