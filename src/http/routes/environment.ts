import * as contract from '../contract.js';
import { get } from './route.js';

/** What runs ran on. */
export const environmentRoutes = {
  readEnvironment: get({
    path: '/api/v1/runs/:run/environment',
    who: 'person',
    summary: 'What a run ran on: kernel, packages, modules, sysctls, firmware, hardware, stack, commits',
    answer: contract.EnvironmentView,
  }),
  diffRuns: get({
    path: '/api/v1/runs/:run/diff',
    who: 'person',
    summary: 'In what the environments of two runs differ',
    query: contract.DiffQuery,
    answer: contract.DiffView,
  }),
  changedSincePass: get({
    path: '/api/v1/tests/:test/changed',
    who: 'person',
    summary: "In what a test's newest run differs from its last pass before it",
    query: contract.ChangedQuery,
    answer: contract.DiffView,
  }),
} as const;
