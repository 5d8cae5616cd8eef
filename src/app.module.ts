import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { printInventory } from './adapters/inventory-print.js';
import { readInventoryFiles } from './adapters/inventory-reading.js';
import { readTestFile } from './adapters/test-file.js';
import { AccessController } from './http/access.controller.js';
import { AnswerController } from './http/answer.controller.js';
import { BlobController } from './http/blob.controller.js';
import { ChangeController } from './http/change.controller.js';
import { type ApiDeps, INJECT, type InventoryForm } from './http/deps.js';
import { EnvironmentController } from './http/environment.controller.js';
import { EventController } from './http/event.controller.js';
import { ExecutorController } from './http/executor.controller.js';
import { ExplainController } from './http/explain.controller.js';
import { GridController } from './http/grid.controller.js';
import { HostController } from './http/host.controller.js';
import { InventoryController } from './http/inventory.controller.js';
import { KnownController } from './http/known.controller.js';
import { RunController } from './http/run.controller.js';
import { SearchController } from './http/search.controller.js';
import { RouteGuard } from './http/serve.js';
import { ServiceController } from './http/service.controller.js';
import { SubmissionController } from './http/submission.controller.js';
import type { TokensSeen } from './http/tokens-seen.js';
import { StandingIndex } from './stages/standing-index.js';

const A_DAY_S = 86_400;
const A_GIBIBYTE = 2 ** 30;

/** The one Nest module: which adapter stands behind which port of the API. */
@Module({})
class AppModule {}

/** See `AppModule`; `closing` aborts when the server is about to close. */
export function appModule(deps: ApiDeps, tokens: TokensSeen, closing: AbortSignal): DynamicModule {
  const value = (provide: symbol, useValue: unknown): Provider => ({ provide, useValue });
  return {
    module: AppModule,
    controllers: [
      ServiceController,
      GridController,
      HostController,
      KnownController,
      InventoryController,
      SubmissionController,
      BlobController,
      ChangeController,
      RunController,
      SearchController,
      AnswerController,
      EnvironmentController,
      ExplainController,
      EventController,
      AccessController,
      ExecutorController,
    ],
    providers: [
      value(INJECT.store, deps.store),
      value(INJECT.wakeup, deps.wakeup),
      value(INJECT.link, deps.link),
      value(INJECT.blobs, deps.blobs),
      value(INJECT.source, deps.source),
      value(INJECT.candidates, deps.candidates),
      value(INJECT.hookSignatures, deps.hookSignatures),
      value(INJECT.version, deps.version),
      value(INJECT.readTestFile, readTestFile),
      value(INJECT.inventory, { read: readInventoryFiles, print: printInventory } satisfies InventoryForm),
      value(INJECT.standing, new StandingIndex()),
      value(INJECT.tokens, tokens),
      value(INJECT.reserveMostS, deps.reserveMostS ?? A_DAY_S),
      value(INJECT.artefactLimitBytes, deps.artefactLimitBytes ?? A_GIBIBYTE),
      value(INJECT.answerKey, deps.answerKey ?? ''),
      value(INJECT.closing, closing),
      { provide: APP_GUARD, useClass: RouteGuard },
    ],
  };
}
