import * as contract from '../contract.js';
import { get, post } from './route.js';

/** Hosts and who has them. */
export const hostRoutes = {
  listHosts: get({
    path: '/api/v1/hosts',
    who: 'person',
    summary: 'Hosts, by name',
    query: contract.HostQuery,
    answer: contract.HostPage,
  }),
  readHost: get({
    path: '/api/v1/hosts/:host',
    who: 'person',
    summary: 'One host, by id or name',
    answer: contract.HostView,
  }),
  takeHostOut: post({
    path: '/api/v1/hosts/:host/maintenance',
    who: 'admin',
    summary: 'Take a host out for maintenance: nothing new starts there, canaries neither',
    body: contract.TakeOutRequest,
    answer: contract.HostView,
    status: 200,
  }),
  endMaintenance: post({
    path: '/api/v1/hosts/:host/maintenance/end',
    who: 'admin',
    summary: 'Bring a host back from maintenance: it is suspect until a canary works there',
    body: contract.BringBackRequest,
    answer: contract.HostView,
    status: 200,
  }),
  quarantineHost: post({
    path: '/api/v1/hosts/:host/quarantine',
    who: 'admin',
    summary: 'Quarantine a host until a person ends it',
    body: contract.TakeOutRequest,
    answer: contract.HostView,
    status: 200,
  }),
  endQuarantine: post({
    path: '/api/v1/hosts/:host/quarantine/end',
    who: 'admin',
    summary: 'End a quarantine, also one that the grid began: the host is suspect until a canary works there',
    body: contract.BringBackRequest,
    answer: contract.HostView,
    status: 200,
  }),
  reserveHost: post({
    path: '/api/v1/hosts/:host/reservation',
    who: 'submitter',
    summary: 'Have a host for yourself for a while, or for longer',
    body: contract.ReserveRequest,
    answer: contract.ReservationView,
    status: 201,
  }),
  endReservation: post({
    path: '/api/v1/hosts/:host/reservation/end',
    who: 'submitter',
    summary: 'Give a host back; a grid admin may do so for anybody',
    answer: contract.HostView,
    status: 200,
  }),
  listReservations: get({
    path: '/api/v1/reservations',
    who: 'person',
    summary: 'Who has which host, and until when',
    answer: contract.ReservationList,
  }),
} as const;
