import { expect, it } from 'vitest';
import { makeCatalogue } from '../../src/domain/catalogue.js';
import { STANDARD_TAGS } from '../../src/domain/look/standard-tags.js';
import { joined } from '../../src/domain/submit/joined.js';

const derived = (name: string, is: string) => ({
  ...({ name, meaning: name, kind: 'flag' } as const),
  source: { by: 'formula', is } as const,
});
const made = makeCatalogue(
  [
    ...STANDARD_TAGS,
    derived('old', 'kernel < 5.4'),
    derived('ancient', 'old & not virtual'),
    derived('bare-metal', 'not virtual'),
  ],
  [],
);
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
    'gives way where ranges have nothing in common',
    'kernel >= 4.9 < 5.4',
    'kernel >= 6.1 < 6.9 & linux',
    'kernel >= 4.9 < 5.4 & linux',
  ],
  ['stays where ranges meet', 'kernel >= 4.9 < 6.4', 'kernel >= 6.1', 'kernel >= 4.9 < 6.4 & kernel >= 6.1'],
  ['gives way to what a derived tag is', 'old', 'kernel >= 6.1 & linux', 'linux & old'],
  ['gives way to what a derived tag is, however deep', 'ancient', 'kernel >= 6.1 & linux', 'ancient & linux'],
  ['gives way as a derived tag', 'virtual', 'bare-metal & linux', 'linux & virtual'],
  ['gives way as the opposite of one', 'bare-metal', 'not bare-metal & linux', 'bare-metal & linux'],
  [
    'gives way where all alternatives are shut',
    'kernel < 5 | kernel = 5.2',
    'kernel >= 6.1 & linux',
    '(kernel < 5 | kernel = 5.2) & linux',
  ],
  [
    'stays where one alternative is open',
    'kernel < 5 | root',
    'kernel >= 6.1 & linux',
    '(kernel < 5 | root) & kernel >= 6.1 & linux',
  ],
  ['stays where one of its own is open', 'virtual', 'linux | not virtual', '(linux | not virtual) & virtual'],
  ['gives way where a tag is to be absent', 'not kernel', 'kernel >= 6.1 & linux', 'linux & not kernel'],
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
