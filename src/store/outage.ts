/** SQLSTATEs, and errors of sockets, after which the same request may well work in a moment. */
const PASSING =
  /^(08...|53...|57P0[1-5]|57014|40001|40P01|55P03|25006|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)$/;

/** What pg and TypeORM say without a code when the connection is gone or none is free. */
const PASSING_WORDS =
  /connection terminated|timeout exceeded when trying to connect|connection error and is not queryable|cannot use a pool after|driver not connected|connection is not established|client was closed|not currently accepting connections/i;

/** True where the database, not the request, is why something failed. */
export function isOutage(error: unknown): boolean {
  for (let inner = error, depth = 0; inner instanceof Error && depth < 5; depth++) {
    const { code, driverError, cause, syscall } = inner as Error & {
      code?: unknown;
      driverError?: unknown;
      syscall?: unknown;
    };
    if (typeof code === 'string' && PASSING.test(code)) return true;
    // A server that listens on a socket file and is stopped takes the file away.
    if (code === 'ENOENT' && syscall === 'connect') return true;
    if (PASSING_WORDS.test(inner.message)) return true;
    if (inner instanceof AggregateError && inner.errors.some(isOutage)) return true;
    inner = driverError ?? cause;
  }
  return false;
}
