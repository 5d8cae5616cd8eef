import {
  type GridSpec,
  HALT_CAUSES,
  HALT_REACHES,
  HALT_RUNNING,
  type HaltPolicy,
  type PoolCap,
  type PoolSpec,
  type ResourceSpec,
} from '../domain/inventory.js';
import type { RepositorySpec } from '../domain/repository.js';
import { wrongUrl } from '../domain/submit/source.js';
import type { Catalogue } from '../domain/tag.js';
import { readHandlers } from './handler-list.js';
import { readHealthCheck, readTelling } from './inventory-telling.js';
import type { Thing } from './inventory-thing.js';
import { type Fields, NAME } from './source-fields.js';
import { shown } from './yaml-source.js';

/** What `grid.yaml` can say. */
export const GRID_KEYS = [
  ...['name', 'admin', 'default', 'halt', 'sources', 'grid_steps', 'handlers', 'trusted_projects'],
  ...['people', 'mail', 'web_hooks', 'health_check'],
];
/** What can be said of a pool. */
export const POOL_KEYS = ['meaning', 'owner', 'projects', 'cap', 'health_check'];
/** What can be said of a resource. */
export const RESOURCE_KEYS = [
  'meaning',
  'owner',
  'instrument',
  'with',
  'units',
  'repository',
  'limit',
  'address',
];

/** Reads what `grid.yaml` says. */
export function readGrid(fields: Fields, catalogue: Catalogue): GridSpec {
  const halt = readHalt(fields);
  const sources = readSources(fields);
  const handlers = readHandlers(fields);
  const trusted = fields.words('trusted_projects', NAME, 'the name of a project');
  return {
    name: fields.required('name', fields.name('name'), "the grid's name"),
    admin: fields.required('admin', fields.line('admin'), 'who is told wherever no owner is declared'),
    default: fields.requirement('default', catalogue),
    ...(halt === undefined ? {} : { halt }),
    ...(sources.length === 0 ? {} : { sources }),
    ...(fields.flag('grid_steps') === true ? { gridSteps: true } : {}),
    ...(handlers.size === 0 ? {} : { handlers: Object.fromEntries(handlers) }),
    ...(trusted.length === 0 ? {} : { trustedProjects: [...trusted].sort() }),
    ...readTelling(fields),
  };
}

function readSources(fields: Fields): readonly string[] {
  const sources = fields.list('sources');
  for (const { text, at } of sources) {
    const wrong = wrongUrl(text);
    if (wrong !== undefined)
      fields.wrong(at, `'${shown(text)}' is no address of repositories (https://git.example.org/): ${wrong}`);
  }
  return [...new Set(sources.map(({ text }) => text))].sort();
}

function readHalt(fields: Fields): HaltPolicy | undefined {
  const halt = fields.below('halt', [...HALT_CAUSES, 'running']);
  if (halt === undefined) return undefined;
  const said = HALT_CAUSES.flatMap((cause) => {
    const reach = halt.oneOf(cause, HALT_REACHES);
    return reach === undefined || reach === 'scope' ? [] : [[cause, reach] as const];
  });
  const running = halt.oneOf('running', HALT_RUNNING);
  if (said.length === 0) return undefined;
  return { ...Object.fromEntries(said), ...(running === 'kill' ? { running } : {}) };
}

/** Reads a pool. */
export function readPool({ name, fields }: Thing): PoolSpec {
  const meaning = fields.text('meaning');
  const owner = fields.line('owner');
  const projects = fields.words('projects', NAME, 'the name of a project');
  const cap = readCap(fields);
  if (fields.has('projects') && projects.length === 0)
    fields.wrong(
      fields.at('projects'),
      'nobody could use this pool: name its projects, or leave this out for all',
    );
  return {
    name,
    ...(meaning === undefined ? {} : { meaning }),
    ...(owner === undefined ? {} : { owner }),
    ...(projects.length === 0 ? {} : { projects: [...projects].sort() }),
    ...(cap === undefined ? {} : { cap }),
    ...readHealthCheck(fields),
  };
}

function readCap(fields: Fields): PoolCap | undefined {
  const text = fields.text('cap');
  if (text === undefined) return undefined;
  const [, digits = '', sign] = /^([0-9]{1,5}) ?(%?)$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits === '' || (sign === '%' && number > 100)) {
    fields.wrong(
      fields.at('cap'),
      `'${shown(text)}' is no cap: write a number of hosts, or a share such as 10%`,
    );
    return undefined;
  }
  return sign === '%' ? { percent: number } : { hosts: number };
}

/** Reads a resource, or an instrument. */
export function readResource({ name, fields }: Thing): ResourceSpec {
  const owner = fields.line('owner');
  const hosts = fields.words('with', NAME, 'the name of a host');
  const units = fields.integer('units', 1, 1000) ?? 1;
  const isInstrument = fields.flag('instrument') ?? false;
  const repository = readRepository(fields);
  const limit = fields.integer('limit', 1, 100_000);
  if (isInstrument && limit !== undefined)
    fields.wrong(fields.at('limit'), `'${name}' is an instrument: how many it serves at a time says 'units'`);
  if (isInstrument && hosts.length === 0)
    fields.wrong(
      fields.at('with'),
      `'${name}' is an instrument: say which hosts it is attached to, with: [HOST]`,
    );
  const address = fields.line('address');
  for (const key of ['with', 'units', 'address'])
    if (!isInstrument && fields.has(key))
      fields.wrong(
        fields.at(key),
        `'${key}' is said of instruments: write instrument: true, or leave it out`,
      );
  return {
    name,
    meaning: fields.required('meaning', fields.text('meaning'), 'what it is'),
    ...(owner === undefined ? {} : { owner }),
    ...(isInstrument
      ? { instrument: { with: [...hosts].sort(), units, ...(address === undefined ? {} : { address }) } }
      : {}),
    ...(repository === undefined ? {} : { repository }),
    ...(limit === undefined ? {} : { limit }),
  };
}

/** Where package managers find a repository; it is signed, or somebody said that it is not. */
function readRepository(fields: Fields): RepositorySpec | undefined {
  const below = fields.below('repository', ['kind', 'url', 'suite', 'components', 'key', 'unsigned']);
  if (below === undefined) return undefined;
  const kind =
    below.required('kind', below.oneOf('kind', ['apt', 'dnf']), 'apt or dnf') === 'dnf' ? 'dnf' : 'apt';
  const url = below.required(
    'url',
    below.matching('url', /^(https?|file):\/\/\S+$/, 'an address (https://...)'),
    'its address',
  );
  const suite = below.matching('suite', /^[A-Za-z0-9][A-Za-z0-9./_+-]{0,199}$/, 'the name of a suite');
  const components = below.words('components', NAME, 'the name of a component');
  for (const key of ['suite', 'components'])
    if (kind === 'dnf' && below.has(key))
      below.wrong(below.at(key), `'${key}' is said of repositories for apt`);
  if (kind === 'apt') below.required('suite', suite, 'which suite of the repository');
  const key = below.text('key');
  if (key !== undefined && !key.trim().startsWith('-----BEGIN PGP PUBLIC KEY BLOCK-----'))
    below.wrong(
      below.at('key'),
      'this is no public key: it begins with -----BEGIN PGP PUBLIC KEY BLOCK-----',
    );
  if ((key !== undefined) === (below.flag('unsigned') ?? false))
    below.wrong(below.start, "say by which public 'key: |' it is signed, or 'unsigned: yes'");
  return {
    kind,
    url,
    ...(suite === undefined ? {} : { suite }),
    ...(components.length === 0 ? {} : { components }),
    ...(key === undefined ? {} : { key }),
  };
}
