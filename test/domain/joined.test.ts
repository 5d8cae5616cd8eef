import { expect, it } from 'vitest';
import { makeCatalogue } from '../../src/domain/catalogue.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import { joined } from '../../src/domain/submit/joined.js';

const made = makeCatalogue(STANDARD_TAGS, []);
if ('problems' in made) throw new Error('the standard catalogue holds together');
const { catalogue } = made;

it.each([
  ['is part of a run that says nothing', '', 'linux', 'linux'],
  ['joins what a test says', 'root', 'linux & not virtual', 'linux & not virtual & root'],
  ['gives way where a test says the opposite', 'virtual', 'linux & not virtual', 'linux & virtual'],
  [
    'gives way where a test asks for another value',
    'kernel < 5.4',
    'kernel >= 6.1 & linux',
    'kernel < 5.4 & linux',
  ],
  [
    'stays where it is another tag that has such a value',
    'swap < 1GiB',
    'memory >= 16GiB',
    'memory >= 16GiB & swap < 1GiB',
  ],
  ['stays where both can be had', 'kernel >= 6.6', 'kernel >= 6.1', 'kernel >= 6.1 & kernel >= 6.6'],
])('the common set-up %s', (_title, own, common, both) => {
  expect(joined(own, common, catalogue)).toBe(both);
});
