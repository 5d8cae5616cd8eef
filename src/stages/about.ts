import type { Cause } from '../domain/recover/cause.js';
import { signatureOf } from '../domain/recover/signature.js';
import { doesRestore, type StepSpec, versionsIn } from '../domain/step.js';
import { type Incident, type NewIncident, ownerOfShared } from '../store/blaming.js';
import type { Sql } from '../store/store.js';
import type { World } from '../store/world.js';
import type { Settings } from './settings.js';

/** What an incident of a cause says: what it is about, whose it is, and when it is looked at again. */
export async function about(
  sql: Sql,
  cause: Cause,
  failure: { readonly message: string },
  world: World,
  settings: Settings,
): Promise<NewIncident> {
  const { message } = failure;
  const signature = signatureOf(message);
  const { admin } = world.grid;
  const hostOf = (id: string) => ({
    name: world.byId.get(id)?.name ?? `h${id}`,
    owner: world.byId.get(id)?.owner ?? admin,
  });
  const base = { signature, checkInS: settings.checkFirstS };
  switch (cause.kind) {
    case 'host': {
      const { name, owner } = hostOf(cause.host);
      return {
        ...base,
        scope: 'host',
        hostId: cause.host,
        title: `host ${name}: ${message}`,
        owner,
        checkInS: 0,
      };
    }
    case 'step': {
      const owner = world.steps.find(({ name }) => name === cause.step)?.owner ?? admin;
      return {
        ...base,
        scope: 'step',
        step: cause.step,
        title: `step ${cause.step} is broken: ${message}`,
        owner,
      };
    }
    case 'step_on_host': {
      const { name, owner } = hostOf(cause.host);
      const title = `step ${cause.step} does not work on ${name}: ${message}`;
      return { ...base, scope: 'step_on_host', hostId: cause.host, step: cause.step, title, owner };
    }
    case 'image': {
      const { image } = cause;
      const owners = world.steps.filter((step) => doesRestore(step, image)).map(ownerOfRestore);
      const owner = owners.find((one) => one !== undefined) ?? admin;
      return {
        ...base,
        scope: 'image',
        image,
        title: `image ${image} cannot be put onto hosts: ${message}`,
        owner,
      };
    }
    case 'change': {
      const { change } = cause;
      const steps = world.steps.filter((step) => versionsIn(step).includes(change));
      const owner = steps.find((step) => step.owner !== undefined)?.owner ?? admin;
      return { ...base, scope: 'change', change, title: `${change} cannot be put in: ${message}`, owner };
    }
    case 'resource': {
      const { resource } = cause;
      const owner = (await ownerOfShared(sql, 'resource', resource)) ?? admin;
      return {
        ...base,
        scope: 'resource',
        resource,
        title: `${resource} does not do its work: ${message}`,
        owner,
      };
    }
    case 'pool': {
      const { pool } = cause;
      const owner = (await ownerOfShared(sql, 'pool', pool)) ?? admin;
      return {
        ...base,
        scope: 'pool',
        pool,
        title: `the hosts of pool ${pool} fail together: ${message}`,
        owner,
      };
    }
    case 'grid':
      return { ...base, scope: 'grid', title: `hosts of all pools fail together: ${message}`, owner: admin };
    case 'test':
    case 'chance':
      throw new Error(`unreachable: ${cause.kind} is nobody's incident`);
  }
}

function ownerOfRestore({ action, owner }: StepSpec): string | undefined {
  return (action.kind === 'restore' ? action.spec?.owner : undefined) ?? owner;
}

/** What an open incident is about, as a cause. */
export function causeOf({ scope, hostId, step, resource, pool, image, change }: Incident): Cause {
  switch (scope) {
    case 'host':
      return { kind: 'host', host: hostId ?? '' };
    case 'step':
      return { kind: 'step', step: step ?? '' };
    case 'step_on_host':
      return { kind: 'step_on_host', step: step ?? '', host: hostId ?? '' };
    case 'resource':
      return { kind: 'resource', resource: resource ?? '' };
    case 'pool':
      return { kind: 'pool', pool: pool ?? '' };
    case 'image':
      return { kind: 'image', image: image ?? '' };
    case 'change':
      return { kind: 'change', change: change ?? '' };
    case 'grid':
      return { kind: 'grid' };
    case 'test':
      return { kind: 'test', on: '' };
  }
}
