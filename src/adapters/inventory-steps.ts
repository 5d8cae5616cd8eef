import { declaredText, readDeclared } from '../domain/inventory/declared.js';
import { LAYERS, type Layer } from '../domain/layer.js';
import type { StepAction, StepSpec } from '../domain/step.js';
import type { Catalogue } from '../domain/tag.js';
import type { Thing } from './inventory-thing.js';
import { type Fields, NAME } from './source-fields.js';

/** What can be said of a step. */
export const STEP_KEYS = [
  ...['layer', 'needs', 'gives', 'destroys', 'uses', 'script', 'restore', 'undo', 'no_undo', 'owner'],
  ...['timeout', 'cost'],
];

const STEP_TIMEOUT_MS = 600_000;

/** Reads a provisioning step. */
export function readStep({ name, fields }: Thing, catalogue: Catalogue): StepSpec {
  const owner = fields.line('owner');
  if (!fields.has('layer')) fields.wrong(fields.start, `'layer' is missing: one of ${LAYERS.join(', ')}`);
  const layer = fields.oneOf('layer', LAYERS) ?? 'use';
  const gives = readGives(fields, catalogue);
  if (fields.list('gives').length === 0)
    fields.wrong(fields.at('gives'), `'${name}' gives no tag, so that no chain would ever use it`);
  const action = readAction(fields);
  if (action.kind === 'restore' && layer !== 'image')
    fields.wrong(fields.at('layer'), `a step that restores an image is of layer 'image', not '${layer}'`);
  const destroys = readDestroys(fields, layer);
  const uses = fields.words('uses', NAME, 'the name of a resource');
  return {
    name,
    ...(owner === undefined ? {} : { owner }),
    layer,
    needs: fields.requirement('needs', catalogue),
    gives,
    ...(destroys === undefined ? {} : { destroys }),
    ...(uses.length === 0 ? {} : { uses: [...uses].sort() }),
    action,
    undo: readUndo(fields),
    timeoutMs: fields.duration('timeout') ?? STEP_TIMEOUT_MS,
    costS: (fields.duration('cost') ?? 10_000) / 1000,
  };
}

/** Each as `tag` or `tag = value`, in order. */
function readGives(fields: Fields, catalogue: Catalogue): readonly string[] {
  const given = new Map<string, string>();
  for (const { text, at } of fields.list('gives')) {
    const spec = catalogue.find(text);
    // What is looked at afterwards need not be told beforehand.
    const isSeen = spec?.source.by === 'probe' || spec?.source.by === 'look';
    if (spec !== undefined && isSeen && spec.kind !== 'device' && !text.endsWith(':*')) {
      if (given.has(text)) fields.wrong(at, `'${text}' stands twice in 'gives'`);
      given.set(text, text);
      continue;
    }
    const read = readDeclared(text, catalogue);
    if ('problem' in read) fields.wrong(at, read.problem);
    else if (read.spec.kind === 'device')
      fields.wrong(at, `'${read.spec.name}' is a device: a step puts none in, it gives flags and values`);
    else if (given.has(read.tag.tag)) fields.wrong(at, `'${read.tag.tag}' stands twice in 'gives'`);
    else given.set(read.tag.tag, declaredText(read.tag));
  }
  return [...given.values()].sort();
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

function readAction(fields: Fields): StepAction {
  if (fields.has('script') === fields.has('restore'))
    fields.wrong(fields.start, "say what the step does: either 'script: |' or 'restore: IMAGE'");
  if (!fields.has('restore')) return { kind: 'script', script: fields.text('script') ?? '' };
  return { kind: 'restore', image: fields.matching('restore', NAME, 'the name of an image') ?? '' };
}

function readUndo(fields: Fields): StepSpec['undo'] {
  if (fields.has('undo') === fields.has('no_undo'))
    fields.wrong(fields.start, "say either 'undo: |' or in 'no_undo: ...' why there is none");
  return fields.has('undo') ? { script: fields.text('undo') ?? '' } : { none: fields.line('no_undo') ?? '' };
}
