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
