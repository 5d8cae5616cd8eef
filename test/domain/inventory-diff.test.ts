import { describe, expect, it } from 'vitest';
import { diffInventories, inventoryDigest } from '../../src/domain/inventory/diff.js';
import { filesOf, inventoryOf, LAB } from '../adapters/inventory-lab.js';

const lab = inventoryOf(filesOf());
const other = (file: string, from: string | RegExp, to: string) =>
  inventoryOf(filesOf({ [file]: LAB[file]?.replace(from, to) }));

describe('what would change between two inventories', () => {
  it('is nothing where both say the same, and then only', () => {
    expect(diffInventories(lab, inventoryOf(filesOf()))).toEqual([]);
    const changed = [
      other('grid.yaml', 'lab', 'lab2'),
      other('tags.yaml', 'a board', 'the board'),
      other('tags.yaml', '1TB', '2TB'),
      other('pools.yaml', '10%', '11%'),
      other('resources.yaml', 'units: 2', 'units: 3'),
      other('types/racks.yaml', 'a rack server', 'a server'),
      other('hosts/a.yaml', 'clock', 'clock'),
      other('hosts/a.yaml', 'firmware=1.2', 'firmware=1.3'),
      other('steps/s.yaml', '3m', '4m'),
      other('tests/smoke.sh', 'true', 'false'),
      other('tests/other.yaml', '90s', '91s'),
    ];
    for (const one of changed)
      expect(diffInventories(lab, one).length > 0).toBe(inventoryDigest(one) !== inventoryDigest(lab));
    expect(changed.filter((one) => diffInventories(lab, one).length > 0)).toHaveLength(10);
  });

  it('is told thing by thing and field by field, with what was and what is', () => {
    const changes = diffInventories(
      lab,
      other('hosts/a.yaml', /owner: Sue\n( +)pool: south\n +seats: 1/, 'owner: Sam\n$1seats: 4'),
    );
    expect(changes).toEqual([
      {
        ...{ what: 'host', name: 'n2', change: 'changed' },
        fields: [
          { field: 'owner', old: 'Sue', new: 'Sam' },
          { field: 'pool', old: 'south', new: 'north' },
          { field: 'seats', old: '1', new: '4' },
        ],
      },
    ]);
  });

  it('of a type tells its hosts too', () => {
    const changes = diffInventories(lab, other('types/racks.yaml', 'owner: Rob', 'owner: Roy'));
    expect(changes.map(({ what, name }) => `${what} ${name}`)).toEqual(['type r420', 'host n1']);
  });

  it('backwards is the same backwards', () => {
    const after = inventoryOf(
      filesOf({
        'hosts/a.yaml': LAB['hosts/a.yaml']?.replace(/ {2}d1.*\n/, ''),
        'tests/new.sh': '#!/bin/sh\n',
      }),
    );
    const turned = { added: 'removed', removed: 'added', changed: 'changed' } as const;
    expect(diffInventories(after, lab)).toEqual(
      diffInventories(lab, after).map((one) => ({ ...one, change: turned[one.change] })),
    );
  });

  it('shows no test and no long text whole', () => {
    const long = diffInventories(lab, other('steps/s.yaml', 'rm -rf x', `rm -rf ${'y'.repeat(5000)}`));
    expect(JSON.stringify(long).length).toBeLessThan(700);
    const run = diffInventories(lab, other('tests/smoke.sh', 'true', 'false'));
    expect(run[0]?.fields).toEqual([
      { field: 'run', old: expect.stringMatching(/^file [0-9a-f]{32}$/), new: expect.any(String) },
    ]);
  });
});
