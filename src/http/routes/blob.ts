import * as contract from '../contract.js';
import { get, post } from './route.js';

/** What is under test, as files. */
export const blobRoutes = {
  upload: post({
    path: '/api/v1/blobs',
    who: 'submitter',
    summary: 'Upload an artefact; a submission then names it by its digest',
    query: contract.BlobQuery,
    takes: 'bytes',
    answer: contract.BlobView,
    status: 201,
  }),
  download: get({
    path: '/api/v1/blobs/:digest',
    who: 'person',
    summary: 'An artefact that a submission names',
    answer: 'bytes',
  }),
} as const;
