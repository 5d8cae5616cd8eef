import * as contract from '../contract.js';
import { get } from './route.js';

/** Tests. */
export const testRoutes = {
  listTests: get({
    path: '/api/v1/tests',
    who: 'person',
    summary: 'Tests in their latest version, by project and name',
    query: contract.TestQuery,
    answer: contract.TestPage,
  }),
} as const;
