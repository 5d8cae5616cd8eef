import * as contract from '../contract.js';
import { get, post } from './route.js';

/** Who may do what. */
export const accessRoutes = {
  listProjects: get({
    path: '/api/v1/projects',
    who: 'person',
    summary: 'Projects that you may see',
    answer: contract.ProjectList,
  }),
  createProject: post({
    path: '/api/v1/projects',
    who: 'admin',
    summary: 'Make a project',
    body: contract.ProjectRequest,
    answer: contract.ProjectView,
    status: 201,
  }),
  listTokens: get({
    path: '/api/v1/tokens',
    who: 'admin',
    summary: 'Tokens, newest first; never their secrets',
    answer: contract.TokenList,
  }),
  createToken: post({
    path: '/api/v1/tokens',
    who: 'admin',
    summary: 'Make a token; its secret is shown this once',
    body: contract.TokenRequest,
    answer: contract.TokenCreated,
    status: 201,
  }),
  revokeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/:token',
    who: 'admin',
    summary: 'End a token for ever; servers that have just seen it may take it for 5 more seconds',
    answer: contract.TokenView,
    status: 200,
  },
} as const;
