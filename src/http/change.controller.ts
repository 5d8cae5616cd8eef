import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { showId } from '../domain/id.js';
import type { WatchSpec } from '../domain/watch.js';
import type { Candidate, Candidates } from '../ports/candidates.js';
import type { HookSignatures } from '../ports/hook-signatures.js';
import { findProject, mayPush } from '../store/access.js';
import { baselineAt, changesOf, componentsSeen, watchesSeen } from '../store/change-lists.js';
import { recordPush } from '../store/changing.js';
import { chronicle } from '../store/chronicle.js';
import { type Store, wake } from '../store/store.js';
import { blobSizes } from '../store/submission.js';
import { askForLook, findWatch } from '../store/watching.js';
import type { ChangeView } from './contract.js';
import { INJECT } from './deps.js';
import { withinProject } from './grid.controller.js';
import { conflict, forbidden, notFound, unauthorized, unavailable, unprocessable } from './problem.js';
import { IdKey, pageView, printable, readCursor, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';

/** What arrives, and what is trusted. */
@Controller()
export class ChangeController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.candidates) private readonly candidates: Candidates,
    @Inject(INJECT.hookSignatures) private readonly hookSignatures: HookSignatures,
  ) {}

  @Serves('listWatches')
  async watches(@Ask() ask: Asked<'listWatches'>) {
    return { items: await watchesSeen(this.store, ask.visible) };
  }

  @Serves('callWatch')
  async call(@Ask() ask: Asked<'callWatch'>) {
    const { watch } = ask.params;
    const secret = watch.includes('\0') ? undefined : (await findWatch(this.store, watch))?.hook;
    const judged =
      secret === undefined ? 'bad' : await this.hookSignatures.judge(secret, ask.header, ask.body);
    if (judged === 'no_secret')
      throw unavailable('The secret of this web hook is not on the machine of the API');
    // A stranger does not learn which watches there are.
    if (judged === 'bad')
      throw unauthorized(
        'The signature is not that of this web hook, or it is from too long ago, or there is no such hook',
      );
    await askForLook(this.store, watch);
    return { watch };
  }

  @Serves('listComponents')
  async components(@Ask() ask: Asked<'listComponents'>) {
    const { project, watch, limit, cursor } = ask.query;
    const visible = await withinProject(this.store, ask.visible, project);
    const after = readCursor(z.string(), cursor);
    return pageView(await componentsSeen(this.store, { visible, watch, after, limit }));
  }

  @Serves('listChanges')
  async changes(@Ask() ask: Asked<'listChanges'>) {
    const { project, watch, component, state, limit, cursor } = ask.query;
    const id = ask.query.id === undefined ? undefined : wantId('change', ask.query.id);
    const visible = await withinProject(this.store, ask.visible, project);
    const states = state === undefined ? undefined : [state];
    const before = readCursor(IdKey, cursor);
    return pageView(await changesOf(this.store, { visible, id, watch, component, states, before, limit }));
  }

  @Serves('readBaseline')
  async baseline(@Ask() ask: Asked<'readBaseline'>) {
    const { project, watch, at, limit, cursor } = ask.query;
    const visible = await withinProject(this.store, ask.visible, project);
    const after = readCursor(z.string(), cursor);
    const moment = at === undefined ? undefined : new Date(at);
    return pageView(await baselineAt(this.store, { visible, watch, after, limit, at: moment }));
  }

  @Serves('pushChange')
  async push(@Ask() ask: Asked<'pushChange'>): Promise<ChangeView> {
    const { caller, body, visible } = ask;
    const { project, component, signature } = body;
    const projectId = await findProject(this.store, visible, project);
    if (projectId === undefined) throw notFound(`project '${project}'`);
    if (!mayPush(caller, projectId))
      throw forbidden(`This takes the role developer of ${project}, or a grid admin`);
    const watch = await this.watchFor(component, project);
    const candidate: Candidate =
      body.blob === undefined ? { commit: body.commit ?? '' } : { blob: body.blob };
    if ('blob' in candidate && (await blobSizes(this.store, [candidate.blob])).size === 0)
      throw unprocessable('The package is not there', [
        { where: 'blob', message: 'upload it first: POST /api/v1/blobs' },
      ]);
    const pushed = { watch, component, candidate, ...(signature === undefined ? {} : { signature }) };
    const inspected = await this.candidates.inspect(pushed, ask.gone());
    if (!inspected.ok) {
      const data = { component, ...candidate, why: inspected.why };
      const refused = { kind: 'push.refused', subject: `component:${component}`, actor: caller.name, data };
      await chronicle(this.store, [{ ...refused, project: projectId }]);
      throw unprocessable(`The candidate is refused: ${inspected.why}`);
    }
    const { arrival, signer } = inspected;
    const by = {
      by: caller.name,
      ...(signer === undefined ? {} : { signer }),
      ...('blob' in candidate ? candidate : {}),
    };
    const recorded = await this.store.transaction(async (tx) => {
      const made = await recordPush(tx, arrival, projectId, by);
      if (typeof made !== 'string') await wake(tx, 'testyard_scheduler', 'testyard_history');
      return made;
    });
    if (recorded === 'known') throw conflict(`${component} ${printable(arrival.version)} is known already`);
    if (recorded === 'unknown_component') throw notFound(`component '${component}'`);
    const list = await changesOf(this.store, { visible, component, limit: 100 });
    const change = list.items.find(({ id }) => id === showId('change', recorded.change));
    if (change === undefined) throw new Error('a change that was recorded is there');
    return change;
  }

  /** The watch that a component's name begins with; one of another project is not there. */
  private async watchFor(component: string, project: string): Promise<WatchSpec> {
    const [name = ''] = component.split('/', 1);
    const watch = await findWatch(this.store, name);
    if (watch === undefined || watch.project !== project)
      throw notFound(`watch '${name}' in project '${project}'`);
    return watch;
  }
}
