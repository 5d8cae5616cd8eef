import { z } from 'zod';
import * as protocol from '../../protocol/messages.js';
import { PROTOCOL } from '../../protocol/terms.js';
import { get, LARGEST_BODY_BYTES, post } from './route.js';

const executor = <const Path extends string, Body extends z.ZodType>(path: Path, body: Body) =>
  post({
    path: `/executor/v1/${path}`,
    who: 'executor',
    summary: `The executors' protocol ${PROTOCOL}: ${path}`,
    body,
    answer: 'document',
    status: 200,
    documented: false,
    bodyLimitBytes: LARGEST_BODY_BYTES,
  });

const lease = z.string().regex(/^[0-9]{1,19}$/);

/** How an executor gives its lease back. */
const Release = z.strictObject({ lease, reason: z.string().max(1000) });

/** The executors' protocol. */
export const executorRoutes = {
  executorRegister: executor('register', protocol.Register),
  executorClaim: executor('claim', protocol.Claim),
  executorRenew: executor('renew', protocol.Renew),
  executorReport: executor('report', protocol.Report),
  executorKeep: executor('keep', protocol.Keep),
  executorRelease: executor('release', Release),
  executorBlob: get({
    path: '/executor/v1/blobs/:digest',
    who: 'executor',
    summary: `The executors' protocol ${PROTOCOL}: an artefact of an attempt`,
    query: z.object({ lease }),
    answer: 'bytes',
    documented: false,
  }),
} as const;
