import * as contract from '../contract.js';
import { get, LARGEST_BODY_BYTES, post } from './route.js';

/** What was submitted. */
export const submissionRoutes = {
  submit: post({
    path: '/api/v1/submissions',
    who: 'submitter',
    summary: 'Submit tests, or with dryRun only say what it would come to',
    body: contract.SubmissionRequest,
    answer: contract.SubmissionView,
    status: 201,
    also: { status: 200, answer: contract.SubmissionPlan },
    idempotent: true,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
  listSubmissions: get({
    path: '/api/v1/submissions',
    who: 'person',
    summary: 'Submissions, newest first',
    query: contract.SubmissionQuery,
    answer: contract.SubmissionPage,
  }),
  readSubmission: get({
    path: '/api/v1/submissions/:submission',
    who: 'person',
    summary: 'One submission',
    answer: contract.SubmissionView,
  }),
  cancelSubmission: post({
    path: '/api/v1/submissions/:submission/cancel',
    who: 'submitter',
    summary: 'Ask for the end of every run of a submission that is not done',
    body: contract.CancelRequest,
    answer: contract.SubmissionView,
    status: 200,
  }),
  retrySubmission: post({
    path: '/api/v1/submissions/:submission/retry',
    who: 'submitter',
    summary: 'Submit the failed runs of a submission once more, or those without a verdict',
    body: contract.RetryRequest,
    answer: contract.SubmissionView,
    status: 201,
    idempotent: true,
  }),
  readMorning: get({
    path: '/api/v1/submissions/:submission/morning',
    who: 'person',
    summary: 'What is new, still red, fixed or without a verdict, against the one of the same name before it',
    answer: contract.MorningView,
  }),
} as const;
