import * as contract from '../contract.js';
import { get } from './route.js';

/** What is wrong. */
export const incidentRoutes = {
  listIncidents: get({
    path: '/api/v1/incidents',
    who: 'person',
    summary: 'Incidents, newest first',
    query: contract.IncidentQuery,
    answer: contract.IncidentPage,
  }),
  readIncident: get({
    path: '/api/v1/incidents/:incident',
    who: 'person',
    summary: 'One incident with its evidence',
    answer: contract.IncidentView,
  }),
} as const;
