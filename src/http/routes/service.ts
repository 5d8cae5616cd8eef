import * as contract from '../contract.js';
import { get } from './route.js';

/** What the program says of itself and of what happens. */
export const serviceRoutes = {
  readEvents: get({
    path: '/api/v1/events',
    who: 'person',
    summary: 'History as server-sent events; Last-Event-ID resumes without a gap',
    query: contract.EventQuery,
    answer: 'events',
  }),
  readOpenApi: get({
    path: '/api/v1/openapi.json',
    who: 'anyone',
    summary: 'This description of the API',
    answer: 'document',
  }),
  live: get({
    path: '/health/live',
    who: 'anyone',
    summary: 'Whether the process runs',
    answer: contract.HealthView,
  }),
  ready: get({
    path: '/health/ready',
    who: 'anyone',
    summary: 'Whether it can do its work: the database answers',
    answer: contract.HealthView,
  }),
} as const;
