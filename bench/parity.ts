import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type LightHost, lightHosts } from '../test/lab.js';
import { type Api, pause } from './parts/grid.js';
import { openCollections } from './parts/lava-collection.js';
import { everydayArchive, furnish, routeTo } from './parts/lava-host.js';
import { Mirror } from './parts/lava-mirror.js';
import { Workshop } from './parts/lava-packages.js';
import { tryFile, tryHere } from './parts/lava-trial.js';
import { report } from './parts/report.js';
import { startTrial } from './parts/whole-grid.js';

/**
 * Every definition of the fixtures and every sample by `testyard run` on a host over ssh and by a grid on another one
 * like it, and the samples on this machine as well: verdict, cases with their results, and what was measured in which
 * unit. Both hosts keep what earlier tests have installed.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    /** Only what needs modules or devices, on hosts that have none of them. */
    without: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const SAMPLES = fileURLToPath(new URL('../inventory/tests/', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../bin/testyard.mjs', import.meta.url));
/** These say what only a grid has: steps, another host to try on, and nothing that could serve. */
const GRID_ONLY = ['with-a-step.sh', 'setup-fails.sh', 'nothing-here-can-serve.sh'];
const TIME_OUT_MS = 300_000;

/** What was said of a test, but for what no two runs have in common. */
interface Said {
  readonly verdict: string;
  readonly cases: readonly string[];
}

interface Subject {
  readonly file: string;
  readonly tree?: string;
  readonly isLocalToo: boolean;
}

const collections = await openCollections();
const workshop = await Workshop.open();
const mirror = await Mirror.open();
const [alone, inGrid] = await lightHosts(2);
if (alone === undefined || inGrid === undefined) throw new Error('two hosts were asked for');
try {
  const at = mirror.offer('healthy', {
    packages: await Promise.all(workshop.names.map((name) => workshop.package(name))),
  });
  const archive = await everydayArchive();
  for (const host of [alone, inGrid]) {
    await routeTo(host, mirror.address);
    const less = values.without
      ? { withoutModules: ['nbd', 'zram', 'dummy'], withoutDevices: ['/dev/hwrng'] }
      : {};
    await furnish(host, archive, { sources: [`deb [trusted=yes] ${at} ./`], ...less });
  }
  process.exitCode = (await compare(alone, inGrid, `${at}/corpus.txt`)) ? 0 : 1;
} finally {
  await Promise.all([alone.stop(), inGrid.stop()]);
  await mirror.close();
  await workshop.close();
  await collections.close();
}

async function subjects(): Promise<readonly Subject[]> {
  const here = (await readdir(SAMPLES)).filter((name) => !GRID_ONLY.includes(name));
  const samples = values.without ? [] : here;
  const fixtures = collections.fixtures.filter(
    ({ plants }) => !values.without || plants.modules !== undefined || plants.devices !== undefined,
  );
  const all = [
    ...fixtures.map(({ file, tree }) => ({ file, tree, isLocalToo: false })),
    ...samples.map((name) => ({ file: path.join(SAMPLES, name), isLocalToo: true })),
  ];
  const wanted = values.only?.split(',');
  return all.filter(({ file }) => wanted === undefined || wanted.includes(path.parse(file).name));
}

async function compare(host: LightHost, gridHost: LightHost, corpus: string): Promise<boolean> {
  const trial = await startTrial([{ name: gridHost.name, transport: gridHost.transport }]);
  let [different, here, compared] = [0, 0, 0];
  try {
    for (const subject of await subjects()) {
      const { file, tree, isLocalToo } = subject;
      const asked = {
        ...(tree === undefined ? {} : { tree }),
        environment: { SOURCE_URL: corpus },
        timeoutMs: TIME_OUT_MS,
      };
      const run = saidOf(await tryFile(file, host, asked));
      const others: [string, Said][] = [['grid', await byGrid(trial.api, file, tree, corpus)]];
      if (isLocalToo) {
        others.push(['here', saidOf(await tryHere(file, asked))]);
        here++;
      }
      compared++;
      for (const [where, said] of others) {
        if (JSON.stringify(said) === JSON.stringify(run)) continue;
        different++;
        console.log(`${file}: by run ${JSON.stringify(run)}\n  by ${where} ${JSON.stringify(said)}`);
      }
    }
  } finally {
    await trial.stop();
  }
  return report(
    'parity',
    {
      different: { value: different, bound: { kind: 'exactly', than: 0 } },
      compared: { value: compared },
      on_this_machine_too: { value: here },
    },
    { seed: Number(values.seed), json: values.json },
  );
}

interface SaidCase {
  readonly name: string;
  readonly result: string;
  readonly measurement?: { readonly unit: string } | undefined;
}

function caseText({ name, result, measurement }: SaidCase): string {
  return `${name} ${result}${measurement === undefined ? '' : ` measured in '${measurement.unit}'`}`;
}

function saidOf({ done }: Awaited<ReturnType<typeof tryFile>>): Said {
  const { verdict, cases } = done;
  return {
    verdict: verdict.verdict === 'none' ? verdict.noVerdict : verdict.verdict,
    cases: cases.map(caseText),
  };
}

async function byGrid(api: Api, file: string, tree: string | undefined, corpus: string): Promise<Said> {
  const along = tree === undefined ? [] : ['--tree', tree, '--variant', `SOURCE_URL=${corpus}`];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [PROGRAM, 'submit', file, ...along, '--json'],
    { env: { ...process.env, TESTYARD_URL: api.url, TESTYARD_TOKEN: api.token } },
  );
  const { id } = JSON.parse(stdout) as { id: string };
  for (let waited = 0; ; waited += 100) {
    const { items } = await api.ask<{ items: { id: string; state: string; reason: string }[] }>(
      'GET',
      `/api/v1/runs?submission=${id}`,
    );
    const [run] = items;
    if (run?.state === 'done') return detailOf(api, run.id);
    if (waited > TIME_OUT_MS) throw new Error(`${file} has no verdict: ${run?.state} ${run?.reason}`);
    await pause(100);
  }
}

async function detailOf(api: Api, id: string): Promise<Said> {
  const run = await api.ask<{
    verdict: string;
    noVerdict?: string;
    attemptList: { cases: SaidCase[] }[];
  }>('GET', `/api/v1/runs/${id}`);
  return {
    verdict: run.verdict === 'none' ? (run.noVerdict ?? 'none') : run.verdict,
    cases: (run.attemptList.at(-1)?.cases ?? []).map(caseText),
  };
}
