import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ATTEMPT_MOVES,
  CHANGE_MOVES,
  HOST_MOVES,
  INCIDENT_MOVES,
  type Move,
  RUN_MOVES,
} from '../../src/domain/states.js';

describe('the diagrams of docs/states', () => {
  it.each<[string, readonly Move<string>[]]>([
    ['run', RUN_MOVES],
    ['host', HOST_MOVES],
    ['incident', INCIDENT_MOVES],
    ['attempt', ATTEMPT_MOVES],
    ['change', CHANGE_MOVES],
  ])('%s.md shows every legal move and no other', (name, moves) => {
    const page = readFileSync(`docs/states/${name}.md`, 'utf8');
    const drawn = [...page.matchAll(/^ {4}(\w+) --> (\w+): (.*)$/gm)].map(([, from, to, by]) => ({
      from,
      to,
      by,
    }));
    expect(drawn).toEqual(moves);
  });
});
