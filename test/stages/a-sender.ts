import { Smtp } from '../../src/adapters/smtp.js';
import { SignedWebHooks } from '../../src/adapters/web-hook.js';
import { Sender } from '../../src/stages/send.js';
import { Store } from '../../src/store/store.js';

// A sender in a process of its own, to be killed: sends once what is due in the database that is named.
const store = await Store.open(process.argv[2] ?? '', { poolSize: 2 });
await new Sender(store, { mailer: new Smtp(), webHooks: new SignedWebHooks() }, () => {}).send();
await store.close();
