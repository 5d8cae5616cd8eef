import { accessRoutes } from './routes/access.js';
import { blobRoutes } from './routes/blob.js';
import { changeRoutes } from './routes/change.js';
import { environmentRoutes } from './routes/environment.js';
import { executorRoutes } from './routes/executor.js';
import { explainRoutes } from './routes/explain.js';
import { gridRoutes } from './routes/grid.js';
import { hostRoutes } from './routes/host.js';
import { incidentRoutes } from './routes/incident.js';
import { inventoryRoutes } from './routes/inventory.js';
import { knownRoutes } from './routes/known.js';
import type { Route } from './routes/route.js';
import { runRoutes } from './routes/run.js';
import { searchRoutes } from './routes/search.js';
import { serviceRoutes } from './routes/service.js';
import { submissionRoutes } from './routes/submission.js';
import { testRoutes } from './routes/test.js';

/** Every route, by the name of its operation; one file for each noun. */
export const routes = {
  ...gridRoutes,
  ...inventoryRoutes,
  ...hostRoutes,
  ...submissionRoutes,
  ...blobRoutes,
  ...changeRoutes,
  ...runRoutes,
  ...searchRoutes,
  ...environmentRoutes,
  ...knownRoutes,
  ...incidentRoutes,
  ...testRoutes,
  ...explainRoutes,
  ...accessRoutes,
  ...serviceRoutes,
  ...executorRoutes,
} as const satisfies Readonly<Record<string, Route>>;

/** The name of a route's operation. */
export type RouteName = keyof typeof routes;

/** A route by its name. */
export type RouteOf<Name extends RouteName> = (typeof routes)[Name];
