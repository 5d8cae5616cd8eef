import { type ImageSpec, imageVersion } from '../domain/image.js';
import type { PackagesAction, RestoreAction, StepAction } from '../domain/step-action.js';
import type { ChainStep } from '../protocol/messages.js';
import type { Sql } from './store.js';

/** What the inventory or a person has said of versions, beside their numbers. */
interface Stock {
  /** Digests of packages that were pushed, by component and version. */
  readonly pushed: ReadonlyMap<string, string>;
  /** By name and version; by the name alone what the catalogue has now. */
  readonly images: ReadonlyMap<string, ImageSpec>;
}

/** Steps as executors need them: a chain is planned by the numbers of versions, and carried out with what they stand for. */
export async function equip(
  sql: Sql,
  chains: readonly (readonly ChainStep[])[],
): Promise<(chain: readonly ChainStep[]) => readonly ChainStep[]> {
  const actions = chains.flat().map(({ action }) => action);
  const puts = actions.filter((action) => action.kind === 'packages');
  const restores = actions.filter((action) => action.kind === 'restore' && action.component !== undefined);
  if (restores.length === 0 && puts.every(({ install }) => install.every(({ component }) => !component)))
    return (chain) => chain;
  const stock = {
    pushed: await readPushed(sql, puts),
    images: restores.length === 0 ? new Map() : await readImages(sql),
  };
  return (chain) => chain.map((step) => ({ ...step, action: equipped(step.action, stock) }));
}

const named = (one: string, version: string) => `${one} ${version}`;

function equipped(action: StepAction, { pushed, images }: Stock): StepAction {
  if (action.kind === 'packages')
    return {
      ...action,
      install: action.install.map((one) => {
        const { component = '', version = '' } = one;
        const blob = pushed.get(named(component, version));
        return blob === undefined ? one : { ...one, file: { blob } };
      }),
    };
  if (action.kind === 'restore' && action.component !== undefined) return withImage(action, images);
  return action;
}

function withImage(action: RestoreAction, images: Stock['images']): RestoreAction {
  const { image, version } = action;
  const spec = images.get(version === undefined ? image : named(image, version));
  return spec === undefined ? action : { ...action, spec };
}

async function readPushed(sql: Sql, puts: readonly PackagesAction[]): Promise<ReadonlyMap<string, string>> {
  const wanted = puts.flatMap(({ install }) =>
    install.flatMap(({ component, version }) =>
      component === undefined || version === undefined ? [] : [{ component, version }],
    ),
  );
  if (wanted.length === 0) return new Map();
  const rows = await sql.rows<{ component: string; version: string; blob: string }>(
    `SELECT DISTINCT k.name AS component, c.version, c.blob
     FROM jsonb_to_recordset($1::jsonb) AS g(component text, version text)
     JOIN component k ON k.name = g.component
     JOIN change c ON c.component_id = k.id AND c.version = g.version AND c.blob IS NOT NULL`,
    [JSON.stringify(wanted)],
  );
  return new Map(rows.map(({ component, version, blob }) => [named(component, version), blob]));
}

async function readImages(sql: Sql): Promise<ReadonlyMap<string, ImageSpec>> {
  const rows = await sql.rows<{ name: string; version: string | null; spec: ImageSpec }>(
    `SELECT name, version, spec FROM image_version UNION ALL SELECT name, NULL, spec FROM image`,
  );
  return new Map(
    rows.flatMap(({ name, version, spec }): readonly [string, ImageSpec][] =>
      version === null
        ? [
            [name, spec],
            [named(name, imageVersion(spec)), spec],
          ]
        : [[named(name, version), spec]],
    ),
  );
}
