import * as contract from '../contract.js';
import { get, post } from './route.js';

/** Runs and what they said. */
export const runRoutes = {
  listRuns: get({
    path: '/api/v1/runs',
    who: 'person',
    summary: 'Runs, newest first',
    query: contract.RunQuery,
    answer: contract.RunPage,
  }),
  readRun: get({
    path: '/api/v1/runs/:run',
    who: 'person',
    summary: 'One run with its attempts',
    answer: contract.RunDetail,
  }),
  cancelRun: post({
    path: '/api/v1/runs/:run/cancel',
    who: 'submitter',
    summary: 'Ask for the end of a run',
    body: contract.CancelRequest,
    answer: contract.RunView,
    status: 200,
  }),
  retryRun: post({
    path: '/api/v1/runs/:run/retry',
    who: 'submitter',
    summary: 'Submit a run that is done once more',
    answer: contract.SubmissionView,
    status: 201,
    idempotent: true,
  }),
  readLog: get({
    path: '/api/v1/runs/:run/log',
    who: 'person',
    summary: 'The output of an attempt, from a byte on; live with follow=true',
    query: contract.LogQuery,
    answer: 'bytes',
  }),
  readAttachment: get({
    path: '/api/v1/runs/:run/attachments/:digest',
    who: 'person',
    summary: 'A file that a run left',
    answer: 'bytes',
  }),
} as const;
