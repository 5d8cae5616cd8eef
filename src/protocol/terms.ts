/** The version of the protocol between executors and the grid; a different major is refused. */
export const PROTOCOL = '1.0';

/** The lease has ended: what runs under it must stop, and nothing of it is written any more. */
export class LeaseDead extends Error {
  override readonly name = 'LeaseDead';
}
