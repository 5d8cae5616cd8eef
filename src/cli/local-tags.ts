import { fileURLToPath } from 'node:url';
import { readTags } from '../adapters/inventory-files.js';
import { nearest } from '../domain/language/nearest.js';
import { fromCanonical, tagsOf } from '../domain/requirement.js';
import type { TagProbe } from '../protocol/messages.js';

/**
 * How the tags of a requirement are seen on this machine, by the catalogue that comes along; or why the test
 * cannot run here. Nothing is taken for granted: a tag that nobody can look at is not there.
 */
export async function probesHere(
  requirement: string,
): Promise<{ readonly verify: readonly TagProbe[] } | { readonly impossible: string }> {
  const catalogue = await readTags(fileURLToPath(new URL('../../inventory', import.meta.url)));
  const verify: TagProbe[] = [];
  for (const name of tagsOf(fromCanonical(requirement))) {
    const tag = catalogue.find((one) => one.name === name);
    if (name === 'root')
      return { impossible: 'tests never run as root on the machine itself; a grid has hosts' };
    if (tag?.source.by !== 'probe') {
      const near = nearest(
        name,
        catalogue.map((one) => one.name),
      );
      const why =
        tag === undefined ? 'nothing here knows how to see it' : 'only a host or a step of a grid gives it';
      return {
        impossible: `needs ${name}: ${why}${tag === undefined && near !== undefined ? ` (did you mean '${near}'?)` : ''}`,
      };
    }
    verify.push({ tag: name, script: tag.source.script });
  }
  return { verify };
}
