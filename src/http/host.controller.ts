import { Controller, Inject } from '@nestjs/common';
import type { Id } from '../domain/id.js';
import { type Caller, maySubmit, maySubmitAnywhere, type Visible } from '../store/access.js';
import {
  giveBack,
  listReservations,
  projectsOfPool,
  type Refused,
  reservationOf,
  reserve,
} from '../store/reserving.js';
import type { Store } from '../store/store.js';
import { bringBack, type NotSo, type Out, takeOut } from '../store/taking-out.js';
import type { HostView, ReservationView } from './contract.js';
import { INJECT } from './deps.js';
import { wantHost } from './grid.controller.js';
import { conflict, forbidden } from './problem.js';
import { Ask, type Asked, Serves } from './serve.js';
import { wantBounded } from './submission.controller.js';

/** What people do with hosts. */
@Controller()
export class HostController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.reserveMostS) private readonly reserveMostS: number,
  ) {}

  @Serves('takeHostOut')
  takeOut(@Ask() ask: Asked<'takeHostOut'>): Promise<HostView> {
    return this.out(ask, 'maintenance');
  }

  @Serves('quarantineHost')
  quarantine(@Ask() ask: Asked<'quarantineHost'>): Promise<HostView> {
    return this.out(ask, 'quarantined');
  }

  @Serves('endMaintenance')
  endMaintenance(@Ask() ask: Asked<'endMaintenance'>): Promise<HostView> {
    return this.back(ask, 'maintenance');
  }

  @Serves('endQuarantine')
  endQuarantine(@Ask() ask: Asked<'endQuarantine'>): Promise<HostView> {
    return this.back(ask, 'quarantined');
  }

  @Serves('reserveHost')
  async reserve(@Ask() ask: Asked<'reserveHost'>): Promise<ReservationView> {
    wantSubmitterSomewhere(ask.caller);
    const { forS, why } = ask.body;
    wantBounded('forS', forS, this.reserveMostS);
    const { id, name } = await this.find(ask);
    const only = await projectsOfPool(this.store, id);
    if (only !== undefined && !only.ids.some((project) => maySubmit(ask.caller, project)))
      throw forbidden(`${name} is in pool ${only.pool}, which is for projects ${only.names.join(', ')} only`);
    const wish = { host: id, person: ask.caller.name, why, forS, mostS: this.reserveMostS };
    const done = await reserve(this.store, wish);
    if (typeof done !== 'string') throw conflict(notHad(name, done, this.reserveMostS));
    const [view] = await this.views(ask.caller, ask.visible, id);
    if (view === undefined) throw conflict(`The reservation of ${name} is over already`);
    return view;
  }

  @Serves('endReservation')
  async endReservation(@Ask() ask: Asked<'endReservation'>): Promise<HostView> {
    wantSubmitterSomewhere(ask.caller);
    const { id, name } = await this.find(ask);
    const live = await reservationOf(this.store, id);
    if (live === undefined) throw conflict(`Nobody has reserved ${name}`);
    if (live.person !== ask.caller.name && !ask.caller.gridAdmin)
      throw forbidden(`${name} is reserved by ${live.person}: they, or a grid admin, give it back`);
    await giveBack(this.store, live.id, ask.caller.name);
    return await wantHost(this.store, ask.visible, ask.params.host);
  }

  @Serves('listReservations')
  async reservations(@Ask() ask: Asked<'listReservations'>) {
    return { items: await this.views(ask.caller, ask.visible) };
  }

  private async out(ask: Asked<'takeHostOut'> | Asked<'quarantineHost'>, to: Out): Promise<HostView> {
    const { id, name } = await this.find(ask);
    const act = { host: id, who: ask.caller.name, why: ask.body.why };
    const refused = await takeOut(this.store, to, act, ask.body.mode === 'kill');
    if (refused !== undefined) throw conflict(`${name} is in maintenance: end that first`);
    return await wantHost(this.store, ask.visible, ask.params.host);
  }

  private async back(ask: Asked<'endMaintenance'> | Asked<'endQuarantine'>, from: Out): Promise<HostView> {
    const { id, name } = await this.find(ask);
    const act = { host: id, who: ask.caller.name, why: ask.body.why };
    const refused: NotSo | undefined = await bringBack(this.store, from, act);
    const word = from === 'maintenance' ? 'in maintenance' : 'quarantined';
    if (refused !== undefined) throw conflict(`${name} is not ${word}: it is ${wordOf(refused)}`);
    return await wantHost(this.store, ask.visible, ask.params.host);
  }

  private async find(ask: {
    readonly visible: Visible;
    readonly params: { readonly host: string };
  }): Promise<{ readonly id: Id; readonly name: string }> {
    const { id, name } = await wantHost(this.store, ask.visible, ask.params.host);
    return { id: id.slice(1), name };
  }

  /** How to get in is told to who has the host, and to grid admins. */
  private async views(caller: Caller, visible: Visible, host?: Id): Promise<ReservationView[]> {
    const all = await listReservations(this.store, visible, host);
    return all.map(({ reach, ...view }) =>
      caller.gridAdmin || view.person === caller.name ? { ...view, reach } : view,
    );
  }
}

/** Nobody has a host for themselves who could not give it work; a pool may be for some projects only. */
function wantSubmitterSomewhere(caller: Caller): void {
  if (maySubmitAnywhere(caller)) return;
  throw forbidden('This takes the role submitter of some project, or a grid admin');
}

function notHad(name: string, refused: Refused, mostS: number): string {
  switch (refused.kind) {
    case 'maintenance':
      return `${name} is in maintenance: it can be reserved when that is over`;
    case 'taken':
      return `${name} is reserved by ${refused.person} until ${refused.until}`;
    case 'too_long':
      return `${name} can be had for at most ${mostS} s in all, from when it was reserved`;
  }
}

function wordOf({ health }: NotSo): string {
  return health === 'maintenance' ? 'in maintenance' : health;
}
