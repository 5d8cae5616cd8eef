import { type Cause, doesCover, isSameCause, type Lab, type Work } from './cause.js';
import { type Failing, isLater, type WorkRecord, width } from './infer.js';

/**
 * Which failures known causes account for, so that they speak for no other one. A wider cause may have been behind a known one,
 * and takes its failures over; unless the known one stands anyway, having failed where the wider one does not reach. Nor does
 * it where the failure in question is a step that ended well and left nothing: that has little in common with steps that fail.
 */
export function takenBy(
  known: readonly Cause[],
  records: readonly WorkRecord[],
  lab: Lab,
  { lied = false }: Pick<Failing, 'lied'> = {},
): (record: Work, cause: Cause) => boolean {
  const failing = records.filter(({ ok, bad }) => bad !== undefined && !(ok && isLater(ok, bad)));
  const standsBeside = (one: Cause, cause: Cause) =>
    failing.some((record) => doesCover(one, record, lab) && !doesCover(cause, record, lab));
  // A cause is asked for with each record: what stands beside it is found once.
  const found = new Map<Cause, readonly Cause[]>();
  const beside = (cause: Cause) => {
    const those =
      found.get(cause) ??
      known.filter(
        (one) => !isSameCause(one, cause) && (lied || width(one) >= width(cause) || standsBeside(one, cause)),
      );
    found.set(cause, those);
    return those;
  };
  return (record, cause) => beside(cause).some((one) => doesCover(one, record, lab));
}
