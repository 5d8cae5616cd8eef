import * as contract from '../contract.js';
import { get, MEBIBYTE, post } from './route.js';

/** Why something waits or cannot be, and what would do. */
export const explainRoutes = {
  explainRun: get({
    path: '/api/v1/runs/:run/explain',
    who: 'person',
    summary:
      'Why a run waits or could not run: what no host meets, the nearest hosts, what would do, its place',
    answer: contract.AnswerView,
  }),
  explain: post({
    path: '/api/v1/explain',
    who: 'person',
    summary: 'Where a requirement or a test stands on this grid; nothing is submitted',
    body: contract.ExplainRequest,
    answer: contract.AnswerView,
    status: 200,
    bodyLimitBytes: 4 * MEBIBYTE,
  }),
  testsFor: get({
    path: '/api/v1/compatible',
    who: 'person',
    summary: 'Which tests can run on a host, on the hosts of a type or on the grid, and what the others lack',
    query: contract.TestsForQuery,
    answer: contract.TestsForView,
  }),
  hostsFor: post({
    path: '/api/v1/compatible',
    who: 'person',
    summary: 'Which hosts could serve a test or a requirement, type by type, and what the nearest lack',
    body: contract.HostsForRequest,
    answer: contract.HostsForView,
    status: 200,
    bodyLimitBytes: 4 * MEBIBYTE,
  }),
  listTags: get({
    path: '/api/v1/tags',
    who: 'person',
    summary: 'Tags and aliases, who provides them and who needs them',
    answer: contract.TagList,
  }),
  readTag: get({
    path: '/api/v1/tags/:tag',
    who: 'person',
    summary: 'One tag or alias with all that there is to say of it',
    answer: contract.TagDetail,
  }),
} as const;
