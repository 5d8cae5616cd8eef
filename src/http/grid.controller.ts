import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { testsThere } from '../domain/explain/compatible.js';
import type { Explanation } from '../domain/explain/explain.js';
import { readId } from '../domain/id.js';
import type { StandingIndex } from '../stages/standing-index.js';
import { findProject, type Visible } from '../store/access.js';
import { haltGrid, readGrid, resumeGrid } from '../store/grid.js';
import { findHost, listHosts } from '../store/host.js';
import { findIncident, listIncidents } from '../store/incident.js';
import type { Store } from '../store/store.js';
import { listTests, type TestKey } from '../store/test.js';
import type { GridView, HostView, IncidentView } from './contract.js';
import { INJECT } from './deps.js';
import { notFound } from './problem.js';
import { IdKey, pageView, printable, readCursor, wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import { inTurns } from './turns.js';

/** The grid, its hosts, what is wrong with them, and the tests there are. */
@Controller()
export class GridController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.version) private readonly version: string,
    @Inject(INJECT.standing) private readonly standing: StandingIndex,
  ) {}

  @Serves('readGrid')
  read(@Ask() ask: Asked<'readGrid'>): Promise<GridView> {
    return this.view(ask.visible);
  }

  @Serves('haltGrid')
  async halt(@Ask() ask: Asked<'haltGrid'>): Promise<GridView> {
    await haltGrid(this.store, ask.caller.name, ask.body.why, ask.body.mode);
    return await this.view(ask.visible);
  }

  @Serves('resumeGrid')
  async resume(@Ask() ask: Asked<'resumeGrid'>): Promise<GridView> {
    await resumeGrid(this.store, ask.caller.name, ask.body.why);
    return await this.view(ask.visible);
  }

  @Serves('listHosts')
  async hosts(@Ask() ask: Asked<'listHosts'>) {
    const { pool, limit, cursor } = ask.query;
    const after = readCursor(z.string(), cursor);
    return pageView(await listHosts(this.store, ask.visible, { pool, after, limit }));
  }

  @Serves('readHost')
  host(@Ask() ask: Asked<'readHost'>): Promise<HostView> {
    return wantHost(this.store, ask.visible, ask.params.host);
  }

  @Serves('listIncidents')
  async incidents(@Ask() ask: Asked<'listIncidents'>) {
    const { open, limit, cursor } = ask.query;
    const before = readCursor(IdKey, cursor);
    const wanted = { open: open === undefined ? undefined : open === 'true', before, limit };
    return pageView(await listIncidents(this.store, ask.visible, wanted));
  }

  @Serves('readIncident')
  async incident(@Ask() ask: Asked<'readIncident'>): Promise<IncidentView> {
    const incident = await findIncident(this.store, ask.visible, wantId('incident', ask.params.incident));
    if (incident === undefined) throw notFound(`incident ${ask.params.incident}`);
    return incident;
  }

  @Serves('listTests')
  async tests(@Ask() ask: Asked<'listTests'>) {
    const after: TestKey | undefined = readCursor(z.tuple([z.string(), z.string()]), ask.query.cursor);
    const within = await withinProject(this.store, ask.visible, ask.query.project);
    const page = pageView(await listTests(this.store, within, after, ask.query.limit));
    return ask.query.serve === undefined ? page : await this.withServers(page);
  }

  private async withServers<Test extends Named>(page: { items: Test[]; next?: string }) {
    const ground = await this.standing.ground(this.store);
    const items: (Test & { serve: ReturnType<typeof serveView> })[] = [];
    const placed = page.items.map((test) => ({ ...test, of: test }));
    for await (const { test, explanation } of inTurns(testsThere(placed, ground)))
      items.push({ ...test.of, serve: serveView(explanation) });
    return { ...page, items };
  }

  private async view(visible: Visible): Promise<GridView> {
    return { ...(await readGrid(this.store, visible)), version: this.version };
  }
}

/** A host by what a path says: its name or id. */
export async function wantHost(store: Store, visible: Visible, given: string): Promise<HostView> {
  if (given.includes('\0')) throw notFound('such host');
  const id = readId('host', given);
  // A name may look like an id: names go first.
  const host =
    (await findHost(store, visible, { name: given })) ??
    (id === undefined ? undefined : await findHost(store, visible, { id }));
  if (host === undefined) throw notFound(`host '${printable(given)}'`);
  return host;
}

/** What may be seen of one project, if one is named; one that may not be seen is not there. */
export async function withinProject(
  store: Store,
  visible: Visible,
  name: string | undefined,
): Promise<Visible> {
  if (name === undefined) return visible;
  const id = await findProject(store, visible, name);
  if (id === undefined) throw notFound(`project '${name}'`);
  return [id];
}

type Named = { readonly name: string; readonly project: string; readonly requirement: string };

function serveView({ status, counts: { ever, asTheyAre, free, perhaps } }: Explanation) {
  return { status, ever, asTheyAre, free, perhaps };
}
