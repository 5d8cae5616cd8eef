import { z } from 'zod';

/** A moment. */
export const time = z.iso.datetime().describe('RFC 3339, UTC');
/** `r12`. */
export const runId = z.string().regex(/^r[1-9][0-9]{0,18}$/);
/** `s3`. */
export const submissionId = z.string().regex(/^s[1-9][0-9]{0,18}$/);
/** `h7`. */
export const hostId = z.string().regex(/^h[1-9][0-9]{0,18}$/);
/** `i4`. */
export const incidentId = z.string().regex(/^i[1-9][0-9]{0,18}$/);
/** `t5`. */
export const tokenId = z.string().regex(/^t[1-9][0-9]{0,18}$/);
/** `v6`. */
export const reservationId = z.string().regex(/^v[1-9][0-9]{0,18}$/);
/** `k8`. */
export const knownId = z.string().regex(/^k[1-9][0-9]{0,18}$/);
/** `a9`. */
export const attemptId = z.string().regex(/^a[1-9][0-9]{0,18}$/);
/** `c10`. */
export const changeId = z.string().regex(/^c[1-9][0-9]{0,18}$/);
/** `n11`. */
export const intakeId = z.string().regex(/^n[1-9][0-9]{0,18}$/);
/** `q12`. */
export const searchId = z.string().regex(/^q[1-9][0-9]{0,18}$/);
/** What a thing that people name can be called. */
export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dot, dash, underscore; at most 100');

/** The reason that a person gives, for others to read. */
export const why = z.string().trim().min(1, 'say why').max(1000);

/** The name of a file that is sent along: what a person could not see in it would mislead whoever reads it. */
export const fileName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'it has a character that nobody can see: leave that out');
