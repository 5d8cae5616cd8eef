import { makeCatalogue } from '../domain/catalogue.js';
import { digestOf } from '../domain/digest.js';
import type { HandlerSpec } from '../domain/handler.js';
import { declaredText } from '../domain/inventory/declared.js';
import {
  DEFAULT_POOL,
  DEFAULT_TYPE,
  type DeclaredTag,
  type HostSpec,
  type HostType,
  type Inventory,
  type PoolSpec,
  type SshLogin,
} from '../domain/inventory.js';
import { STANDARD_TAGS } from '../domain/look/standard-tags.js';
import type { StepSpec } from '../domain/step.js';
import type { Catalogue, TagSpec, Value } from '../domain/tag.js';
import { TEST_DEFAULTS, type TestSpec } from '../domain/test.js';
import { mappingFields } from './inventory-lava.js';
import { actionFields, copiedFiles, imageFields, repositoryFields } from './inventory-print-steps.js';
import { tellingFields } from './inventory-telling.js';
import type { InventoryFiles } from './inventory-thing.js';
import { watchFields } from './inventory-watches.js';
import { readTestFile } from './test-file.js';
import { printYaml, type Written } from './yaml-print.js';
import { decodeUtf8 } from './yaml-source.js';

type Fields = Record<string, Written | undefined>;
type Things = readonly (readonly [name: string, fields: Written])[];

/** An inventory as files that read back as the same. */
export function printInventory(inventory: Inventory): InventoryFiles {
  const files = new Map<string, Uint8Array>();
  const put = (file: string, headings: Readonly<Record<string, Things>>) => {
    const filled = Object.entries(headings).filter(([, things]) => things.length > 0);
    if (filled.length === 0) return;
    const root = Object.fromEntries(filled.map(([heading, things]) => [heading, new Map(things)]));
    files.set(file, Buffer.from(printYaml(root)));
  };
  const { grid, tags, aliases, pools, resources, types, hosts, steps, tests } = inventory;
  const { name, admin } = grid;
  // What follows from an instrument needs no words of its own.
  const instruments = new Map(resources.flatMap((one) => (one.instrument ? [[one.name, one]] : [])));
  const isSaidElsewhere = (tag: TagSpec) => {
    const { meaning, owner } = instruments.get(tag.name) ?? {};
    return instruments.has(tag.name) && tag.meaning === meaning && tag.owner === owner;
  };
  files.set(
    'grid.yaml',
    Buffer.from(
      printYaml({
        ...{ name, admin, default: grid.default ? [grid.default] : undefined, halt: grid.halt },
        sources: grid.sources,
        grid_steps: grid.gridSteps ? 'yes' : undefined,
        handlers: grid.handlers && handlerFields(grid.handlers),
        trusted_projects: grid.trustedProjects,
        ...tellingFields(grid),
      }),
    ),
  );
  if (grid.lava !== undefined) files.set('lava.yaml', Buffer.from(printYaml(mappingFields(grid.lava))));
  put('tags.yaml', {
    tags: tags.filter((tag) => !isSaidElsewhere(tag)).map((tag) => [tag.name, tagFields(tag)]),
    aliases: aliases.map((alias) => [alias.name, { meaning: alias.meaning || undefined, is: [alias.is] }]),
  });
  put('pools.yaml', { pools: pools.filter(isSaid).map((pool) => [pool.name, poolFields(pool)]) });
  put('resources.yaml', {
    resources: resources.map(({ name, meaning, owner, instrument, repository, limit }) => [
      name,
      {
        meaning,
        owner,
        repository: repository && repositoryFields(repository),
        limit: limit === undefined ? undefined : `${limit}`,
        ...(instrument && { instrument: 'true', with: instrument.with, units: `${instrument.units}` }),
        address: instrument?.address,
      },
    ]),
  });
  put('images.yaml', { images: (inventory.images ?? []).map((image) => [image.name, imageFields(image)]) });
  put('types.yaml', { types: types.map((type) => [type.name, typeFields(type)]) });
  const typeOf = new Map(types.map((type) => [type.name, type]));
  put('hosts.yaml', {
    hosts: hosts.map((host) => [
      host.name,
      hostFields(
        { ...host, tags: host.tags.filter(({ tag }) => !instruments.has(tag)) },
        typeOf.get(host.type) ?? { name: '', tags: [] },
      ),
    ]),
  });
  put('watches.yaml', {
    watches: (inventory.watches ?? []).map((watch) => [watch.name, watchFields(watch)]),
  });
  put('steps.yaml', { steps: steps.map((step) => [step.name, stepFields(step)]) });
  for (const [file, bytes] of copiedFiles(steps)) files.set(file, bytes);
  const made = makeCatalogue([...STANDARD_TAGS, ...tags], aliases);
  if ('problems' in made) throw new Error('a checked inventory has a catalogue');
  for (const test of tests) files.set(...testFile(test, made.catalogue));
  return files;
}

function handlerFields(handlers: Readonly<Record<string, HandlerSpec>>): Written {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, { use, command, parameters, always }]) => [
      name,
      {
        use,
        command: use === undefined ? command : undefined,
        parameters: Object.keys(parameters).length === 0 ? undefined : parameters,
        always: always ? 'true' : undefined,
      },
    ]),
  );
}

/** `default` is there without being said. */
function isSaid(pool: PoolSpec): boolean {
  return pool.name !== DEFAULT_POOL || Object.keys(pool).length > 1;
}

function tagFields(tag: TagSpec): Fields {
  const { source } = tag;
  const attributes =
    tag.kind !== 'device'
      ? undefined
      : Object.fromEntries(
          Object.entries(tag.attributes).flatMap(([name, value]) =>
            name === 'id' ? [] : [[name, valueText(value)]],
          ),
        );
  return {
    meaning: tag.meaning,
    owner: tag.owner,
    kind: tag.kind === 'flag' ? undefined : tag.kind,
    scheme: tag.kind === 'version' ? tag.scheme : undefined,
    unit: tag.kind === 'quantity' ? tag.unit || undefined : undefined,
    attributes: attributes && Object.keys(attributes).length > 0 ? attributes : undefined,
    probe: source.by === 'probe' ? source.script : undefined,
    is: source.by === 'formula' ? [source.is] : undefined,
    decays: tag.decays,
  };
}

function valueText(value: Value): string {
  switch (value.kind) {
    case 'text':
      return 'text';
    case 'version':
      return `version ${value.scheme}`;
    case 'quantity':
      return `quantity ${value.unit}`.trim();
  }
}

function poolFields({ meaning, owner, projects, cap, healthCheck }: PoolSpec): Fields {
  const capText = cap && ('hosts' in cap ? `${cap.hosts}` : `${cap.percent}%`);
  return { meaning, owner, projects, cap: capText, health_check: healthCheck };
}

function typeFields(type: HostType): Fields {
  const { meaning, owner, pool, seats, expendable, tags, executor, ssh, local, restore, resources } = type;
  return {
    meaning,
    owner,
    health_check: type.healthCheck,
    pool,
    seats: seats === undefined ? undefined : `${seats}`,
    expendable,
    tags: tags.length === 0 ? undefined : tags.map(declaredText),
    executor,
    ssh: ssh && {
      port: ssh.port === undefined ? undefined : `${ssh.port}`,
      user: ssh.user,
      key_file: ssh.keyFile,
      jump: ssh.jump && loginFields(ssh.jump),
    },
    local: local && { network: `${local.network}` },
    restore: restore && { command: restore.command },
    resources,
  };
}

function loginFields({ address, port, user, keyFile, hostKeys, jump }: SshLogin): Written {
  return {
    ...{ address, port: `${port}`, user, key_file: keyFile, host_keys: hostKeys },
    jump: jump && loginFields(jump),
  };
}

/** What a host says that its type does not. */
function hostFields(host: HostSpec, type: HostType): Fields {
  const { transport } = host;
  const unless = <Of extends Written>(said: Of | undefined, ofType: Of | undefined): Of | undefined =>
    JSON.stringify(said) === JSON.stringify(ofType) ? undefined : said;
  const reached: Fields =
    transport.kind === 'local'
      ? { local: { network: `${transport.network}` } }
      : {
          ssh: {
            address: transport.address,
            port: unless(`${transport.port}`, `${type.ssh?.port ?? 22}`),
            user: unless(transport.user, type.ssh?.user),
            key_file: unless(transport.keyFile, type.ssh?.keyFile),
            host_keys: transport.hostKeys,
            jump: unless(
              transport.jump && loginFields(transport.jump),
              type.ssh?.jump && loginFields(type.ssh.jump),
            ),
          },
        };
  const tags = hostTags(host.tags, type.tags);
  return {
    type: unless(host.type, DEFAULT_TYPE),
    pool: unless(host.pool, type.pool ?? DEFAULT_POOL),
    owner: unless(host.owner, type.owner),
    seats: unless(`${host.seats}`, `${type.seats ?? 1}`),
    expendable: unless(host.expendable, type.expendable ?? []),
    tags: tags.length === 0 ? undefined : tags,
    executor: unless(host.executor, type.executor),
    ...reached,
    restore: unless(
      host.restore && { command: host.restore.command },
      type.restore && { command: type.restore.command },
    ),
    resources: unless(host.resources, type.resources ?? []),
  };
}

function hostTags(own: readonly DeclaredTag[], ofType: readonly DeclaredTag[]): readonly string[] {
  const all = (tags: readonly DeclaredTag[], name: string) =>
    tags.filter(({ tag }) => tag === name).map(declaredText);
  const names = [...new Set([...ofType, ...own].map(({ tag }) => tag))].sort();
  return names.flatMap((name) => {
    const [said, typical] = [all(own, name), all(ofType, name)];
    if (said.length === 0) return [`not ${name}`];
    return said.join() === typical.join() ? [] : said;
  });
}

function stepFields(step: StepSpec): Fields {
  const { owner, layer, needs, gives, destroys, clears, uses, artefacts, action, undo, timeoutMs, costS } =
    step;
  return {
    layer,
    owner,
    needs: needs === '' ? undefined : [needs],
    gives,
    destroys,
    clears: clears ? 'yes' : undefined,
    uses,
    artefacts,
    ...actionFields(action),
    undo: 'script' in undo ? undo.script : undefined,
    no_undo: 'none' in undo ? undo.none : undefined,
    timeout: seconds(timeoutMs),
    cost: seconds(costS * 1000),
  };
}

/** An executable as it is, where its comments say all that is known of it; else YAML. */
function testFile(test: TestSpec, catalogue: Catalogue): [string, Uint8Array] {
  const bytes = Buffer.from(test.run, 'base64');
  const isScript = bytes.subarray(0, 2).toString('latin1') === '#!';
  const file = `tests/${test.name}.${isScript ? 'sh' : 'bin'}`;
  const read = readTestFile({ name: file, bytes }, catalogue);
  const isSaidThere = read.ok && digestOf(read.spec) === digestOf(test);
  const text = decodeUtf8(bytes);
  if (!/^README/i.test(test.name) && (isSaidThere || !('text' in text))) return [file, bytes];
  return [
    `tests/a-${test.name}.yaml`,
    Buffer.from(printYaml(testFields(test, 'text' in text ? text.text : ''))),
  ];
}

function testFields(test: TestSpec, run: string): Fields {
  const some = (list: readonly string[] | undefined) => (list?.length ? list : undefined);
  const unless = (ms: number, usual: number) => (ms === usual ? undefined : seconds(ms));
  return {
    testyard: '1',
    name: test.name,
    owner: test.owner,
    requires: test.requirement === '' ? undefined : [test.requirement],
    prefer: some(test.prefer),
    labels: some(test.labels),
    timeout: unless(test.timeoutMs, TEST_DEFAULTS.timeoutMs),
    setup_timeout: unless(test.setupTimeoutMs, TEST_DEFAULTS.setupTimeoutMs),
    teardown_timeout: unless(test.teardownTimeoutMs, TEST_DEFAULTS.teardownTimeoutMs),
    dirties: test.dirties,
    cases: some(test.cases),
    output: test.output,
    commands: some(test.commands),
    under_test: some(test.underTest),
    handlers: some(test.handlers ?? []),
    network: test.network ? 'yes' : undefined,
    broken: test.broken && `${test.broken.bad}/${test.broken.of}`,
    environment: Object.keys(test.environment).length === 0 ? undefined : test.environment,
    setup: test.setup,
    run,
    teardown: test.teardown,
  };
}

/** Durations are read in whole seconds, and so can be said in them. */
function seconds(ms: number): string {
  return `${Math.round(ms / 1000)}s`;
}
