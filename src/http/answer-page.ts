import { createHash } from 'node:crypto';
import type { OwnersAnswer } from '../domain/answer/answer.js';
import type { Accusation } from '../store/answering.js';

/** The page behind a link of a letter: what is said, and the one button that says it. */
export function askingPage(accusation: Accusation, answer: OwnersAnswer['kind']): string {
  return page('Is this your answer?', [
    `<p>A search found that ${harmOf(accusation)}.</p>`,
    `<p>${safe(SAYS[answer])}</p>`,
    // Where no address is named the form goes to the page's own, seal included.
    `<form method="post">${FIELDS[answer]}<button type="submit">${safe(BUTTONS[answer])}</button></form>`,
    '<p>If that is not what you want to say, close this page: nothing has happened.</p>',
  ]);
}

/** What is shown once the answer was taken, or why it was not. */
export function answeredPage(accusation: Accusation, refused: string | undefined): string {
  const { component, version, search } = accusation;
  return refused === undefined
    ? page('Your answer was taken', [
        `<p>It is on record with search q${search}, about ${safe(`${component} ${version}`)}.</p>`,
      ])
    : page('That cannot be answered', [`<p>${safe(refused)}.</p>`]);
}

/** What is shown of a link that came too late: nothing has happened, and how the same is said now. */
export function expiredPage(accusation: Accusation, answer: OwnersAnswer['kind']): string {
  return page('This link is no longer good', [
    `<p>It was made to answer that ${harmOf(accusation)}. Nothing was changed.</p>`,
    '<p>Whoever has a token for the grid can still say the same:</p>',
    `<pre>${safe(insteadOf(accusation, answer))}</pre>`,
    '<p>Without one, ask the admin of the grid to say it.</p>',
  ]);
}

function harmOf({ component, kind, version, test, predicate }: Accusation): string {
  const what = `<b>${safe(`${component} ${version}`)}</b>`;
  if (predicate === 'lost') return `${what} takes its host down`;
  return predicate === 'refused'
    ? `${what} ${REFUSED[kind]}`
    : `${what} breaks the test <b>${safe(test)}</b>`;
}

const REFUSED: Readonly<Record<Accusation['kind'], string>> = {
  apt: 'cannot be installed',
  dnf: 'cannot be installed',
  git: 'cannot be built',
  image: 'cannot be put on a host',
  test: 'cannot be set up',
};

/** The command that says what a link would have said. */
export function insteadOf({ search, change }: Accusation, answer: OwnersAnswer['kind']): string {
  return `testyard answer q${search} ${WORDS[answer]} --change c${change}`;
}

const WORDS: Readonly<Record<OwnersAnswer['kind'], string>> = {
  not_mine: 'not-mine',
  fixed_in: 'fixed-in VERSION',
  snoozed: 'snooze 3d',
};
const SAYS: Readonly<Record<OwnersAnswer['kind'], string>> = {
  not_mine:
    'You say that it is not this change. The accusation is withdrawn, everybody who was told of it is told so, and the change is tried again.',
  fixed_in: 'You say that a later version mends it. Until that version comes no other of it is tried.',
  snoozed: 'You want no letters about this for some days. What is held back stays so.',
};
const BUTTONS: Readonly<Record<OwnersAnswer['kind'], string>> = {
  not_mine: 'It is not mine',
  fixed_in: 'It is fixed in this version',
  snoozed: 'Not before then',
};
const FIELDS: Readonly<Record<OwnersAnswer['kind'], string>> = {
  not_mine: '',
  fixed_in: '<p><label>Version <input name="version" required maxlength="200"></label></p>',
  snoozed: '<p><label>Days <input name="days" type="number" min="1" max="30" value="3" required></label></p>',
};

/** Letters are read on telephones too. */
const STYLE =
  'body{max-width:40em;margin:2em auto;padding:0 1em;font:1.1em/1.5 system-ui,sans-serif}h1{font-size:1.5em}' +
  'input,button{font:inherit;padding:.4em .8em}pre{overflow-x:auto;padding:.8em;border:1px solid}' +
  ':root{color-scheme:light dark}';

/** What a browser may take for the style of these pages, as a source of a content security policy: this one alone. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

function page(title: string, parts: readonly string[]): string {
  const metas =
    '<meta charset="utf-8"><meta name="robots" content="noindex"><meta name="viewport" content="width=device-width,initial-scale=1">';
  const head = `${metas}<title>${title}</title><style>${STYLE}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body><h1>${title}</h1>${parts.join('')}</body></html>\n`;
}

/** Names come from packages and people: none of them is markup. */
function safe(text: string): string {
  const marks: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (mark) => marks[mark] ?? mark);
}
