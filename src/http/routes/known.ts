import * as contract from '../contract.js';
import { get, post } from './route.js';

/** Failures that are known. */
export const knownRoutes = {
  listKnown: get({
    path: '/api/v1/known',
    who: 'person',
    summary: 'Failures that are known, by test',
    query: contract.KnownQuery,
    answer: contract.KnownList,
  }),
  makeKnown: post({
    path: '/api/v1/known',
    who: 'submitter',
    summary: 'Tie an issue to a failure of a test; its reds stay red and show the link',
    body: contract.KnownRequest,
    answer: contract.KnownView,
    status: 201,
  }),
  forgetKnown: {
    method: 'DELETE',
    path: '/api/v1/known/:known',
    who: 'submitter',
    summary: 'Untie an issue from a failure',
    answer: contract.KnownView,
    status: 200,
  },
} as const;
