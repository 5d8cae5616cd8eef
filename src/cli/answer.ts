import { Failure } from './failure.js';
import { spanS } from './program/option.js';
import type { Setting } from './setting.js';

/** What `answer` can be told beside the answer. */
export interface AnswerOptions {
  readonly change?: string;
  readonly why?: string;
}

/** Answers to what a search found. */
export async function answer(
  { client, screen, json }: Setting,
  search: string,
  word: string,
  value: string | undefined,
  { change, why }: AnswerOptions,
): Promise<number> {
  if (!/^q[1-9][0-9]*$/.test(search))
    throw new Failure(`'${search}' is no search: they are like q12, as in the letter`);
  const more = { ...(change === undefined ? {} : { change }), ...(why === undefined ? {} : { why }) };
  const found = await client.answerSearch(search, { ...said(word, value), ...more });
  if (json) screen.json(found);
  else screen.line(`${search}: ${TAKEN[word] ?? 'taken'}`);
  return 0;
}

const TAKEN: Readonly<Record<string, string>> = {
  'not-mine': 'withdrawn; everybody who was told is told so, and the change is tried again',
  'fixed-in': 'taken; until that version comes no other of it is tried',
  snooze: 'taken; no letter before then',
  theirs: 'decided; the change is held back again, and its owner is told',
};

function said(word: string, value: string | undefined): Record<string, unknown> {
  switch (word) {
    case 'not-mine':
      if (value !== undefined) throw new Failure('not-mine says all: give reasons with --why');
      return { answer: 'not_mine' };
    case 'theirs':
      if (value !== undefined) throw new Failure('theirs says all: give reasons with --why');
      return { answer: 'theirs' };
    case 'fixed-in':
      if (value === undefined)
        throw new Failure('say the version that mends it: testyard answer q12 fixed-in 1.3');
      return { answer: 'fixed_in', version: value };
    case 'snooze':
      if (value === undefined) throw new Failure('say for how long: testyard answer q12 snooze 3d');
      return { answer: 'snoozed', until: new Date(Date.now() + spanOf(value) * 1000).toISOString() };
    default:
      throw new Failure(
        `'${word}' is no answer: not-mine, fixed-in VERSION or snooze TIME; of an admin, theirs`,
      );
  }
}

function spanOf(text: string): number {
  try {
    return spanS(text);
  } catch {
    throw new Failure(`snooze ${text}: it is a time such as 12h or 3d`);
  }
}
