import type { ImageSpec } from '../domain/image.js';
import type { GridSpec, ResourceSpec } from '../domain/inventory.js';
import { nearest } from '../domain/language/nearest.js';
import type { Repository } from '../domain/repository.js';
import { type GitSource, type PinnedPackage, STEP_KINDS, type StepAction } from '../domain/step-action.js';
import { wrongUrl } from '../domain/submit/source.js';
import { unknownImage } from './inventory-images.js';
import { type Fields, NAME } from './source-fields.js';
import { shown } from './yaml-source.js';

/** What steps can name. */
export interface StepSurroundings {
  readonly resources: readonly ResourceSpec[];
  readonly images: readonly ImageSpec[];
  readonly gridSteps: boolean;
  /** The files below `files/`, by their path from there. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What an action takes of the surroundings of a grid. */
export function surroundingsOf(
  grid: GridSpec | undefined,
  resources: readonly ResourceSpec[],
  images: readonly ImageSpec[],
  files: ReadonlyMap<string, Uint8Array>,
): StepSurroundings {
  return { resources, images, files, gridSteps: grid?.gridSteps ?? false };
}

/** Each has an exit code of its own by which it is told apart. */
const MOST_REPOSITORIES = 16;
const PATH = /^\/(?!\/)[^\p{Cc}]{1,999}$/u;
const PACKAGE = /^[A-Za-z0-9][A-Za-z0-9.+:_-]{0,199}$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9.+:~^_-]{0,199}$/;
const NOTHING: StepAction = { kind: 'script', script: '' };

/** Reads what a step does: exactly one of the kinds. */
export function readAction(fields: Fields, around: StepSurroundings): StepAction {
  const said = STEP_KINDS.filter((kind) => fields.has(kind));
  const [kind] = said;
  if (kind === undefined || said.length > 1) {
    const found = said.length > 1 ? `, not ${said.join(' and ')}` : '';
    fields.wrong(fields.start, `say what the step does by one of ${STEP_KINDS.join(', ')}${found}`);
    return NOTHING;
  }
  if (fields.has('on') && kind !== 'script')
    fields.wrong(fields.at('on'), "'on' is said of a script; a build says it among its own fields");
  switch (kind) {
    case 'script':
      return readScript(fields, around);
    case 'restore':
      return readRestore(fields, around);
    case 'packages':
      return readPackages(fields, around);
    case 'fetch':
      return readFetch(fields, around);
    case 'build':
      return readBuild(fields, around);
    case 'module':
      return readModule(fields);
    case 'reboot':
      return readReboot(fields);
    case 'copy':
      return readCopy(fields, around);
  }
}

function readScript(fields: Fields, around: StepSurroundings): StepAction {
  const script = fields.text('script') ?? '';
  const on = fields.oneOf('on', ['host', 'grid']);
  if (on !== 'grid') return { kind: 'script', script };
  mayRunHere(fields, 'on', around);
  return { kind: 'script', script, on };
}

function mayRunHere(fields: Fields, key: string, { gridSteps }: StepSurroundings): void {
  if (!gridSteps)
    fields.wrong(
      fields.at(key),
      "steps run on the executor's machine only where grid.yaml says 'grid_steps: yes'",
    );
}

/** The name of an image, or a mapping with it and the watch that says its version. */
function readRestore(fields: Fields, { images }: StepSurroundings): StepAction {
  const isName = fields.source('restore')?.kind === 'text';
  const below = isName ? undefined : fields.below('restore', ['image', 'watch']);
  const [from, key] = below === undefined ? ([fields, 'restore'] as const) : ([below, 'image'] as const);
  const image = from.required(key, from.matching(key, NAME, 'the name of an image'), 'the name of an image');
  const watch = below && readWatch(below);
  if (watch !== undefined && images.length === 0)
    from.wrong(from.at('watch'), 'only an image of the catalogue can be watched: declare it in images.yaml');
  if (images.length === 0) return { kind: 'restore', image };
  const spec = images.find(({ name }) => name === image);
  if (spec !== undefined && watch !== undefined)
    return { kind: 'restore', image, component: `${watch}/${image}` };
  if (spec === undefined)
    from.wrong(
      from.at(key),
      unknownImage(
        image,
        images.map(({ name }) => name),
      ),
    );
  return { kind: 'restore', image, ...(spec === undefined ? {} : { spec }) };
}

function readPackages(fields: Fields, { resources }: StepSurroundings): StepAction {
  const known = ['by', 'install', 'remove', 'hold', 'unhold', 'files', 'from', 'root', 'watch'];
  const below = fields.below('packages', known);
  if (below === undefined) return NOTHING;
  const by = below.oneOf('by', ['apt', 'dnf']) ?? 'apt';
  const names = (key: string) => below.words(key, PACKAGE, 'the name of a package');
  const root = below.matching('root', PATH, 'a path from the root of the host');
  if (root !== undefined && by !== 'dnf')
    below.wrong(below.at('root'), "'root' is said of packages by dnf: write by: dnf, or leave it out");
  const action = {
    kind: 'packages' as const,
    by,
    install: readPinned(below, readWatch(below)),
    remove: names('remove'),
    hold: names('hold'),
    unhold: names('unhold'),
    files: below.words('files', NAME, 'the name of an artefact'),
    from: readRepositories(below, by, resources),
    ...(root === undefined ? {} : { root }),
  };
  const { install, remove } = action;
  if (['install', 'remove', 'hold', 'unhold', 'files'].every((key) => !below.has(key)))
    below.wrong(
      below.start,
      "say what becomes of packages: 'install', 'remove', 'hold', 'unhold' or 'files'",
    );
  const twice = remove.find((name) => install.some((one) => one.name === name));
  if (twice !== undefined)
    below.wrong(below.itemAt('remove', twice), `'${twice}' cannot be both put in and taken out`);
  return action;
}

/** The watch whose baseline says the versions that are not said here. */
function readWatch(fields: Fields): string | undefined {
  return fields.matching('watch', NAME, 'the name of a watch');
}

/** `hello`, or `hello = 2.10-3`; without a version that of the watch's baseline, or the newest. */
function readPinned(fields: Fields, watch: string | undefined): readonly PinnedPackage[] {
  const found = new Map<string, PinnedPackage>();
  for (const { text, at } of fields.list('install')) {
    const [name = '', version, ...more] = text.split('=').map((part) => part.trim());
    if (!PACKAGE.test(name) || more.length > 0 || (version !== undefined && !VERSION.test(version)))
      fields.wrong(at, `'${shown(text)}' is no package: write NAME, or NAME = VERSION`);
    else if (found.has(name)) fields.wrong(at, `'${name}' stands twice in 'install'`);
    else if (version !== undefined) found.set(name, { name, version });
    else found.set(name, { name, ...(watch === undefined ? {} : { component: `${watch}/${name}` }) });
  }
  return [...found.values()];
}

function readRepositories(
  fields: Fields,
  by: 'apt' | 'dnf',
  resources: readonly ResourceSpec[],
): readonly Repository[] {
  const names = fields.words('from', NAME, 'the name of a resource');
  if (names.length > MOST_REPOSITORIES)
    fields.wrong(
      fields.at('from'),
      `${names.length} repositories are named; at most ${MOST_REPOSITORIES} are taken`,
    );
  return names.flatMap((resource) => {
    const at = fields.itemAt('from', resource);
    const spec = resources.find(({ name }) => name === resource)?.repository;
    if (!isKnown(fields, resource, at, resources)) return [];
    if (spec?.kind === by) return [{ resource, ...spec }];
    const kind =
      spec === undefined ? 'no repository of packages' : `a repository for ${spec.kind}, not for ${by}`;
    fields.wrong(at, `'${resource}' is ${kind}: say 'repository:' of it in resources.yaml`);
    return [];
  });
}

function isKnown(
  fields: Fields,
  name: string,
  at: Fields['start'],
  resources: readonly ResourceSpec[],
): boolean {
  const known = resources.map((one) => one.name);
  if (known.includes(name)) return true;
  const near = nearest(name, known);
  const hint = near === undefined ? 'it is declared nowhere in resources.yaml' : `did you mean '${near}'?`;
  fields.wrong(at, `unknown resource '${shown(name)}': ${hint}`);
  return false;
}

const GIT_KEYS = ['git', 'commit', 'branch', 'submodules', 'from', 'watch'];

function readGit(fields: Fields, { resources }: StepSurroundings): GitSource {
  const url = fields.required('git', fields.line('git'), 'the address of a repository');
  const wrong = wrongUrl(url);
  if (fields.has('git') && wrong !== undefined)
    fields.wrong(fields.at('git'), `'${shown(url)}' is no address of a repository: ${wrong}`);
  if (fields.has('commit') === fields.has('branch'))
    fields.wrong(fields.start, "say which commit: either 'commit:' in full, or 'branch:' (a tag, too)");
  const commit = fields.matching(
    'commit',
    /^([0-9a-f]{40}|[0-9a-f]{64})$/,
    'a commit in full, with all its 40 digits',
  );
  const branch = fields.matching(
    'branch',
    /^(?!-)[^\p{Cc}\s~^:?*[\\]{1,200}$/u,
    'the name of a branch or a tag',
  );
  const from = fields.matching('from', NAME, 'the name of a resource');
  if (from !== undefined) isKnown(fields, from, fields.at('from'), resources);
  const component = readWatch(fields);
  if (component !== undefined && commit !== undefined)
    fields.wrong(
      fields.at('watch'),
      "a commit that is said is not watched: write 'branch:', or leave 'watch:' out",
    );
  return {
    url,
    ref: commit ?? branch ?? '',
    submodules: fields.flag('submodules') ?? false,
    ...(component === undefined ? {} : { component }),
    ...(from === undefined ? {} : { from }),
  };
}

function readFolder(fields: Fields, key: string): string {
  const path = fields.required(
    key,
    fields.matching(key, PATH, 'a path from the root of the host'),
    'where it goes on the host',
  );
  if (/(^|\/)\.\.?(\/|$)|\/$/.test(path))
    fields.wrong(fields.at(key), `'${shown(path)}' is no plain path: it has no '..' and no '/' at its end`);
  const first = path.split('/').filter(Boolean);
  if (fields.has(key) && first.length < 2)
    fields.wrong(
      fields.at(key),
      `'${shown(path)}' would take the place of all that is there: name something in it`,
    );
  return path;
}

function readFetch(fields: Fields, around: StepSurroundings): StepAction {
  const below = fields.below('fetch', [...GIT_KEYS, 'into']);
  if (below === undefined) return NOTHING;
  return { kind: 'fetch', git: readGit(below, around), into: readFolder(below, 'into') };
}

function readBuild(fields: Fields, around: StepSurroundings): StepAction {
  const below = fields.below('build', [...GIT_KEYS, 'into', 'recipe', 'on']);
  if (below === undefined) return NOTHING;
  const on = below.oneOf('on', ['host', 'grid']) ?? 'host';
  if (on === 'grid') mayRunHere(below, 'on', around);
  const recipe = below.required(
    'recipe',
    below.text('recipe'),
    'shell text that leaves what it makes in $OUT',
  );
  return { kind: 'build', git: readGit(below, around), recipe, on, into: readFolder(below, 'into') };
}

function readModule(fields: Fields): StepAction {
  const below = fields.below('module', ['name', 'parameters']);
  if (below === undefined) return NOTHING;
  const name = below.matching('name', /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, 'the name of a module');
  const module = below.required('name', name, 'the name of a module');
  return {
    kind: 'module',
    module,
    parameters: below.words('parameters', /^[A-Za-z0-9_]+=\S+$/, 'NAME=VALUE'),
  };
}

/** What a host's own init makes of it is up to the host. */
const REBOOT = 'systemctl reboot 2>/dev/null || reboot';

function readReboot(fields: Fields): StepAction {
  const source = fields.source('reboot');
  if (source?.kind === 'text') {
    fields.oneOf('reboot', ['yes']);
    return { kind: 'reboot', command: REBOOT };
  }
  return { kind: 'reboot', command: fields.below('reboot', ['command'])?.line('command') ?? REBOOT };
}

function readCopy(fields: Fields, { files }: StepSurroundings): StepAction {
  const ways = ['text', 'file', 'artefact'];
  const below = fields.below('copy', [...ways, 'to', 'mode']);
  if (below === undefined) return NOTHING;
  if (ways.filter((way) => below.has(way)).length !== 1)
    below.wrong(below.start, `say what is copied by one of ${ways.join(', ')}`);
  const to = readFolder(below, 'to');
  const mode = below.matching('mode', /^[0-7]{3,4}$/, 'a mode in octal, such as 0644') ?? '0644';
  const artefact = below.matching('artefact', NAME, 'the name of an artefact');
  if (artefact !== undefined) return { kind: 'copy', to, mode, what: { artefact } };
  const file = below.line('file');
  if (file === undefined) return { kind: 'copy', to, mode, what: { text: below.text('text') ?? '' } };
  const bytes = files.get(file);
  if (bytes === undefined) {
    const near = nearest(file, [...files.keys()]);
    const hint = near === undefined ? 'there is no such file in files/' : `did you mean '${near}'?`;
    below.wrong(below.at('file'), `'${shown(file)}' is not there: ${hint}`);
  }
  return { kind: 'copy', to, mode, what: { file, bytes: Buffer.from(bytes ?? []).toString('base64') } };
}
