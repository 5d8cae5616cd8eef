import { decide } from '../store/leader.js';
import { endReservation, reservationsOver } from '../store/reserving.js';
import type { Store } from '../store/store.js';

/** Ends reservations whose time is over. */
export async function endReservations(store: Store, epoch: string): Promise<number> {
  const over = await reservationsOver(store);
  if (over.length === 0) return 0;
  return decide(store, epoch, async (tx) => {
    for (const { id } of over) await endReservation(tx, id, 'testyard', true);
    return over.length;
  });
}
