import * as contract from '../contract.js';
import { get, post } from './route.js';

/** The grid as a whole. */
export const gridRoutes = {
  readGrid: get({
    path: '/api/v1/grid',
    who: 'person',
    summary: 'How the grid is',
    answer: contract.GridView,
  }),
  haltGrid: post({
    path: '/api/v1/grid/halt',
    who: 'admin',
    summary: 'Halt the grid: it starts nothing more',
    body: contract.HaltRequest,
    answer: contract.GridView,
    status: 200,
  }),
  resumeGrid: post({
    path: '/api/v1/grid/resume',
    who: 'admin',
    summary: 'Take a halt back',
    body: contract.ResumeRequest,
    answer: contract.GridView,
    status: 200,
  }),
} as const;
