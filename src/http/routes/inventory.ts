import * as contract from '../contract.js';
import { get, LARGEST_BODY_BYTES, post } from './route.js';

/** What is declared. */
export const inventoryRoutes = {
  readInventory: get({
    path: '/api/v1/inventory',
    who: 'admin',
    summary: 'The inventory that is applied, as files',
    answer: contract.InventoryView,
  }),
  diffInventory: post({
    path: '/api/v1/inventory/diff',
    who: 'admin',
    summary: 'What an inventory would change',
    body: contract.InventoryDiffRequest,
    answer: contract.InventoryDiff,
    status: 200,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
  applyInventory: post({
    path: '/api/v1/inventory',
    who: 'admin',
    summary: 'Apply an inventory, all or nothing; the same again changes nothing',
    body: contract.InventoryRequest,
    answer: contract.InventoryApplied,
    status: 200,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  }),
} as const;
