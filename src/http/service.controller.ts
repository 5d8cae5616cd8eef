import { Controller, Inject } from '@nestjs/common';
import { answers } from '../store/grid.js';
import type { Store } from '../store/store.js';
import { INJECT } from './deps.js';
import { openApi } from './openapi.js';
import { unavailable } from './problem.js';
import { Serves } from './serve.js';

/** What tells others about the service itself, without a token. */
@Controller()
export class ServiceController {
  private readonly description = openApi();

  constructor(@Inject(INJECT.store) private readonly store: Store) {}

  @Serves('live')
  live() {
    return { status: 'ok' };
  }

  @Serves('ready')
  async ready() {
    try {
      await answers(this.store);
    } catch {
      throw unavailable('The database does not answer just now');
    }
    return { status: 'ok' };
  }

  @Serves('readOpenApi')
  readOpenApi() {
    return this.description;
  }
}
