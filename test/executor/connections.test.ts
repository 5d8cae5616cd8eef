import { expect, test } from 'vitest';
import { Connections } from '../../src/executor/connections.js';
import { systemTiming } from '../../src/executor/system-timing.js';
import type { ShellConnection } from '../../src/ports/shell.js';

test('every connection is closed at the end, also where two attempts opened one to the same seat at once', async () => {
  let open = 0;
  const connect = async (): Promise<ShellConnection> => {
    open++;
    return { ended: new Promise(() => {}), close: () => open-- } as unknown as ShellConnection;
  };
  const connections = new Connections({ connect }, systemTiming, 60_000);
  const seat = { hostId: '1', host: 'board', seat: 1, transport: { kind: 'local', network: false } } as const;
  await Promise.all([connections.take(seat, 1000), connections.take(seat, 1000)]);
  expect(open).toBe(2);
  connections.closeAll();
  expect(open).toBe(0);
});

test('an attempt that ends late closes its own connection, and not that of the one after it', async () => {
  const closed: number[] = [];
  let made = 0;
  const connect = async (): Promise<ShellConnection> => {
    const number = ++made;
    return { ended: new Promise(() => {}), close: () => closed.push(number) } as unknown as ShellConnection;
  };
  const connections = new Connections({ connect }, systemTiming, 60_000);
  const seat = { hostId: '1', host: 'board', seat: 1, transport: { kind: 'local', network: false } } as const;
  const first = await connections.take(seat, 1000);
  connections.drop(seat, first.connection);
  const second = await connections.take(seat, 1000);
  connections.drop(seat, first.connection);
  expect(closed).toEqual([1, 1]);
  expect((await connections.take(seat, 1000)).connection).toBe(second.connection);
});
