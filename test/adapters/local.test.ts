import { LocalShell } from '../../src/adapters/local.js';
import { shellContract } from './shell.contract.js';

const target = { host: 'here', transport: { kind: 'local', network: false }, seat: 1 } as const;

shellContract('local', async () => ({
  shell: new LocalShell({ masked: [] }),
  target,
  stop: async () => {},
}));
