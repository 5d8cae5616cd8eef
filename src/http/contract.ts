/**
 * The API, once: these schemas validate requests, type the code on both sides, and make the OpenAPI file, in which each
 * has the name it has here; one file for each noun. Within /api/v1 only additions. Ids are typed texts (`r123`),
 * times RFC 3339 in UTC, durations in seconds.
 */
export * from './contract/access.js';
export * from './contract/blob.js';
export * from './contract/change.js';
export * from './contract/environment.js';
export * from './contract/event.js';
export * from './contract/explain.js';
export * from './contract/grid.js';
export * from './contract/host.js';
export * from './contract/incident.js';
export * from './contract/inventory.js';
export * from './contract/known.js';
export * from './contract/morning.js';
export * from './contract/page.js';
export * from './contract/problem.js';
export * from './contract/run.js';
export * from './contract/search.js';
export * from './contract/submission.js';
export * from './contract/test.js';
