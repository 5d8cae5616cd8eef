import * as contract from '../contract.js';
import { get, post } from './route.js';

/** Hunts for the change that broke something, and what follows from them. */
export const searchRoutes = {
  listSearches: get({
    path: '/api/v1/searches',
    who: 'person',
    summary: 'Searches for the change that broke something, newest first',
    query: contract.SearchQuery,
    answer: contract.SearchPage,
  }),
  readSearch: get({
    path: '/api/v1/searches/:search',
    who: 'person',
    summary: 'One search: what is likely, its trials, what it came to and what followed',
    answer: contract.SearchDetail,
  }),
  startSearch: post({
    path: '/api/v1/searches',
    who: 'submitter',
    summary: 'Search between a good run and a bad one, or between versions; nobody is accused by it',
    body: contract.SearchRequest,
    answer: contract.SearchDetail,
    status: 201,
  }),
  guideSearch: post({
    path: '/api/v1/searches/:search/guide',
    who: 'submitter',
    summary: 'Say of changes that they are not it, or how much likelier they are',
    body: contract.SearchGuidance,
    answer: contract.SearchDetail,
    status: 200,
  }),
  stopSearch: post({
    path: '/api/v1/searches/:search/stop',
    who: 'submitter',
    summary: 'End a search; what it knows by then is its answer',
    answer: contract.SearchDetail,
    status: 200,
  }),
  answerSearch: post({
    path: '/api/v1/searches/:search/answer',
    who: 'developer',
    summary:
      'Answer to what a search found: not mine, fixed in a version, or not before a moment; by whoever it was told to as well',
    body: contract.AnswerRequest,
    answer: contract.SearchDetail,
    status: 200,
  }),
  showAnswerLink: get({
    path: '/answers/:accusation',
    who: 'anyone',
    summary: 'A link in a letter: asks whether that is the answer, and changes nothing',
    query: contract.AnswerLinkQuery,
    answer: 'page',
    documented: false,
  }),
  useAnswerLink: post({
    path: '/answers/:accusation',
    who: 'anyone',
    summary: 'Its page was confirmed: that is the answer',
    query: contract.AnswerLinkQuery,
    takes: 'form',
    body: contract.AnswerForm,
    answer: 'page',
    status: 200,
    documented: false,
  }),
  listPins: get({
    path: '/api/v1/pins',
    who: 'person',
    summary: 'Components that are held back, newest first',
    query: contract.SearchQuery,
    answer: contract.PinPage,
  }),
  listIntakes: get({
    path: '/api/v1/intakes',
    who: 'person',
    summary: 'Changes that came together: which are in, which were left out, and why',
    query: contract.SearchQuery,
    answer: contract.IntakePage,
  }),
} as const;
