import { mappingFields } from '../adapters/inventory-lava.js';
import { printYaml } from '../adapters/yaml-print.js';
import { mappingWith } from '../domain/lava/mapping.js';
import type { Setting } from './setting.js';

/** What words of LAVA metadata ask of a host: the file that an inventory would have to say the same. */
export async function lavaMapping({ screen, json }: Setting, inventory: string | undefined): Promise<number> {
  const said = inventory === undefined ? undefined : await mappingIn(inventory);
  const fields = mappingFields(mappingWith(said));
  if (json) screen.json(fields);
  else screen.line(printYaml(fields).trimEnd());
  return 0;
}

async function mappingIn(folder: string) {
  const { placeInInventory } = await import('./run-inventory.js');
  return (await placeInInventory(folder, undefined)).inventory?.grid.lava;
}
