import { LAYERS, type Layer } from '../domain/layer.js';
import { givenBy, type StepSpec } from '../domain/step.js';
import { STEP_KINDS, type StepAction } from '../domain/step-action.js';
import type { Catalogue } from '../domain/tag.js';
import { readGives } from './inventory-gives.js';
import { readAction, type StepSurroundings } from './inventory-step-actions.js';
import type { Thing } from './inventory-thing.js';
import { type Fields, NAME } from './source-fields.js';

/** What can be said of a step. */
export const STEP_KEYS = [
  ...[
    'layer',
    'needs',
    'gives',
    'destroys',
    'clears',
    'uses',
    'artefacts',
    ...STEP_KINDS,
    'on',
    'undo',
    'no_undo',
  ],
  ...['owner', 'timeout', 'cost'],
];

const STEP_TIMEOUT_MS = 600_000;

/** Reads a provisioning step. */
export function readStep({ name, fields }: Thing, catalogue: Catalogue, around: StepSurroundings): StepSpec {
  const owner = fields.line('owner');
  if (!fields.has('layer')) fields.wrong(fields.start, `'layer' is missing: one of ${LAYERS.join(', ')}`);
  const layer = fields.oneOf('layer', LAYERS) ?? 'use';
  const action = readAction(fields, around);
  const gives = givesOf(readGives(fields, 'gives', catalogue), action, around);
  if (gives.length === 0 && fields.list('gives').length === 0)
    fields.wrong(fields.at('gives'), `'${name}' gives no tag, so that no chain would ever use it`);
  checkLayer(fields, action, layer);
  const destroys = readDestroys(fields, layer);
  const named = namedBy(action);
  const uses = new Set([...fields.words('uses', NAME, 'the name of a resource'), ...named.uses]);
  const artefacts = new Set([
    ...fields.words('artefacts', NAME, 'the name of an artefact'),
    ...named.artefacts,
  ]);
  return {
    name,
    ...(owner === undefined ? {} : { owner }),
    layer,
    needs: fields.requirement('needs', catalogue),
    gives,
    ...(destroys === undefined ? {} : { destroys }),
    ...(fields.flag('clears') === true ? { clears: true } : {}),
    ...(uses.size === 0 ? {} : { uses: [...uses].sort() }),
    ...(artefacts.size === 0 ? {} : { artefacts: [...artefacts].sort() }),
    action,
    undo: readUndo(fields, action),
    timeoutMs: fields.duration('timeout') ?? STEP_TIMEOUT_MS,
    costS: (fields.duration('cost') ?? 10_000) / 1000,
  };
}

/** What an image has is there once it was put back; the step's own word on a tag takes the place of the image's. */
function givesOf(
  said: readonly string[],
  action: StepAction,
  { images }: StepSurroundings,
): readonly string[] {
  const own = new Set(said.map((item) => givenBy(item).tag));
  const tags =
    action.kind === 'restore' ? (images.find(({ name }) => name === action.image)?.tags ?? []) : [];
  return [...said, ...tags.filter((item) => !own.has(givenBy(item).tag))].sort();
}

/** Unless said, all layers above the step's own. */
function readDestroys(fields: Fields, layer: Layer): readonly Layer[] | undefined {
  if (!fields.has('destroys')) return undefined;
  const layers = fields.layers('destroys');
  const above = LAYERS.slice(LAYERS.indexOf(layer) + 1);
  const wrong = layers.filter((one) => !above.includes(one));
  if (wrong.length > 0)
    fields.wrong(
      fields.at('destroys'),
      `a step of layer '${layer}' can destroy what is above it (${above.join(', ') || 'nothing'}), not ${wrong.join(', ')}`,
    );
  return layers;
}

/** In which layers steps of a kind belong; others belong in any. */
const LAYERS_OF: Readonly<Partial<Record<StepAction['kind'], readonly Layer[]>>> = {
  restore: ['image'],
  packages: ['packages'],
  module: ['boot', 'use'],
  reboot: ['boot'],
};

function checkLayer(fields: Fields, { kind }: StepAction, layer: Layer): void {
  const layers = LAYERS_OF[kind];
  if (layers === undefined || layers.includes(layer) || !fields.has('layer')) return;
  const what = kind === 'restore' ? 'that restores an image' : `of kind '${kind}'`;
  const right = layers.map((one) => `'${one}'`).join(' or ');
  fields.wrong(fields.at('layer'), `a step ${what} is of layer ${right}, not '${layer}'`);
}

/** What the kind itself names of artefacts and resources need not be said again. */
function namedBy(action: StepAction): {
  readonly artefacts: readonly string[];
  readonly uses: readonly string[];
} {
  switch (action.kind) {
    case 'packages':
      return { artefacts: action.files, uses: action.from.map(({ resource }) => resource) };
    case 'copy':
      return { artefacts: 'artefact' in action.what ? [action.what.artefact] : [], uses: [] };
    case 'fetch':
    case 'build':
      return { artefacts: [], uses: action.git.from === undefined ? [] : [action.git.from] };
    default:
      return { artefacts: [], uses: [] };
  }
}

function readUndo(fields: Fields, { kind }: StepAction): StepSpec['undo'] {
  if (fields.has('undo') && fields.has('no_undo'))
    fields.wrong(fields.at('no_undo'), "say either 'undo: |' or in 'no_undo: ...' why there is none");
  if (fields.has('undo')) return { script: fields.text('undo') ?? '' };
  if (fields.has('no_undo')) return { none: fields.line('no_undo') ?? '' };
  if (kind === 'reboot') return { none: 'a boot cannot be taken back' };
  if (kind === 'restore') return { none: 'the next image takes its place' };
  if (kind !== 'script') return { own: true };
  fields.wrong(fields.start, "say either 'undo: |' or in 'no_undo: ...' why there is none");
  return { none: '' };
}
