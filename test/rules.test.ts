import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SCHEMA } from '../src/store/schema.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What one of our tools prints, whatever it exits with: what it finds is in what it prints. */
function printed(bin: string, ...args: readonly string[]): Promise<string> {
  const file = path.join(ROOT, 'node_modules', bin);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...args], { cwd: ROOT, maxBuffer: 64e6 }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`${bin} printed nothing: ${stderr || error?.message}`));
      else resolve(stdout);
    });
  });
}

describe('imports run one way', () => {
  /** What the rules say of these files, one line each. */
  async function violations(...paths: readonly string[]): Promise<string[]> {
    const json = await printed(
      'dependency-cruiser/bin/dependency-cruise.mjs',
      ...paths,
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
    );
    const { summary } = JSON.parse(json) as {
      summary: {
        violations: { rule: { name: string }; from: string; to: string; via?: { name: string }[] }[];
      };
    };
    return summary.violations.map(({ rule, from, to, via }) => {
      const way = via === undefined ? '' : `, by ${via.map((step) => step.name).join(' -> ')}`;
      return `${rule.name}: ${from} imports ${to}${way}`;
    });
  }

  test('as the rules say', async () => {
    expect((await violations('src')).join('\n')).toBe('');
  });
});

describe('nothing is dead', () => {
  test('no file, export or package that nobody uses', async () => {
    const { issues } = JSON.parse(
      await printed('knip/bin/knip.js', '--reporter', 'json', '--no-progress'),
    ) as {
      issues: ({ file: string } & Record<string, string | { name: string }[]>)[];
    };
    const dead = issues.flatMap(({ file, ...kinds }) =>
      Object.entries(kinds).flatMap(([kind, found]) =>
        Array.isArray(found) ? found.map(({ name }) => `${file}: ${kind} ${name}`) : [],
      ),
    );
    expect(dead.join('\n')).toBe('');
  });
});

describe('words', () => {
  const sources = async () =>
    (await readdir(path.join(ROOT, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));

  test('files are named by one idea, and there are no barrels', async () => {
    const vague = (await sources()).filter((file) =>
      /(^|\/)(utils?|common|helpers?|misc|index|types)\.ts$/.test(file),
    );
    expect(vague).toEqual([]);
  });

  test('types are named by what they are', async () => {
    const vague: string[] = [];
    for (const file of await sources()) {
      const text = await readFile(path.join(ROOT, 'src', file), 'utf8');
      for (const [, name] of text.matchAll(/^export (?:abstract )?(?:class|interface|type) (\w+)/gm))
        if (/(Manager|Impl|Helper|Utils?|Dto|Entity)$/.test(name ?? '')) vague.push(`${file}: ${name}`);
    }
    expect(vague).toEqual([]);
  });

  test('every table is explained', async () => {
    const page = await readFile(path.join(ROOT, 'docs/DATA.md'), 'utf8');
    const tables = Object.values(SCHEMA).map((schema) => schema.options.name);
    expect(tables.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
