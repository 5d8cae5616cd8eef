import { Controller, Inject } from '@nestjs/common';
import { createProject, createToken, listProjects, listTokens, revokeToken } from '../store/access.js';
import type { Store } from '../store/store.js';
import type { TokenCreated, TokenView } from './contract.js';
import { INJECT } from './deps.js';
import { conflict, notFound, unprocessable } from './problem.js';
import { wantId } from './reading.js';
import { Ask, type Asked, Serves } from './serve.js';
import type { TokensSeen } from './tokens-seen.js';

/** Projects and tokens: who may what. */
@Controller()
export class AccessController {
  constructor(
    @Inject(INJECT.store) private readonly store: Store,
    @Inject(INJECT.tokens) private readonly tokens: TokensSeen,
  ) {}

  @Serves('listProjects')
  async projects(@Ask() ask: Asked<'listProjects'>) {
    return { items: await listProjects(this.store, ask.visible) };
  }

  @Serves('createProject')
  async createProject(@Ask() ask: Asked<'createProject'>) {
    const project = await createProject(this.store, ask.body.name, ask.caller.name);
    if (project === undefined) throw conflict(`There is a project '${ask.body.name}' already`);
    return project;
  }

  @Serves('listTokens')
  async listTokens(@Ask() _ask: Asked<'listTokens'>) {
    return { items: await listTokens(this.store) };
  }

  @Serves('createToken')
  async createToken(@Ask() ask: Asked<'createToken'>): Promise<TokenCreated> {
    const { kind, gridAdmin, roles } = ask.body;
    if (kind === 'executor' && (gridAdmin || Object.keys(roles).length > 0)) {
      throw unprocessable('The token is not made', [
        {
          where: gridAdmin ? 'gridAdmin' : 'roles',
          message: "an executor's token has no roles: it is good for the executors' protocol only",
        },
      ]);
    }
    const made = await createToken(this.store, ask.body, ask.caller.name);
    if (!made.ok) {
      throw unprocessable(
        'The token is not made',
        made.unknownProjects.map((name) => ({ where: `roles.${name}`, message: 'there is no such project' })),
      );
    }
    return made.token;
  }

  @Serves('revokeToken')
  async revoke(@Ask() ask: Asked<'revokeToken'>): Promise<TokenView> {
    const id = wantId('token', ask.params.token);
    const revoked = await revokeToken(this.store, id, ask.caller.name);
    if (revoked === 'unknown') throw notFound(`token ${ask.params.token}`);
    if (revoked === 'last_admin') {
      throw conflict("This is the last grid admin's token: make another one first");
    }
    this.tokens.forget();
    return revoked;
  }
}
