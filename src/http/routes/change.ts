import { page } from '../contract/page.js';
import * as contract from '../contract.js';
import { get, post } from './route.js';

/** What arrives, and what is trusted. */
export const changeRoutes = {
  listWatches: get({
    path: '/api/v1/watches',
    who: 'person',
    summary: 'Places where new versions arrive, and why one cannot be read',
    answer: contract.WatchList,
  }),
  callWatch: post({
    path: '/api/v1/hooks/watch/:watch',
    who: 'anyone',
    summary: 'A web hook: look there at once. Signed with the secret of the watch, in place of a token',
    takes: 'text',
    answer: contract.WatchAsked,
    status: 200,
  }),
  listComponents: get({
    path: '/api/v1/components',
    who: 'person',
    summary: 'What has versions, and which are trusted',
    query: contract.ComponentQuery,
    answer: page(contract.ComponentView),
  }),
  listChanges: get({
    path: '/api/v1/changes',
    who: 'person',
    summary: 'New versions, the last first',
    query: contract.ChangeQuery,
    answer: page(contract.ChangeView),
  }),
  pushChange: post({
    path: '/api/v1/changes',
    who: 'developer',
    summary: 'Put a candidate before the grid: a package or a commit, signed where the watch asks for it',
    body: contract.ChangeRequest,
    answer: contract.ChangeView,
    status: 201,
  }),
  readBaseline: get({
    path: '/api/v1/baseline',
    who: 'person',
    summary: 'The versions that are trusted, now or at a moment',
    query: contract.BaselineQuery,
    answer: page(contract.BaselineView),
  }),
} as const;
