import { once } from '../../core/once.ts';
import type { ShippedModule } from '../shipped-module.ts';

export type ShippedModules = { readonly [id: string]: () => Promise<ShippedModule> };

/** The modules that run in the runner, each loaded when it is first needed. `command` is not among them. */
export const SHIPPED_MODULES: ShippedModules = {
  eventcounter: once(async () => (await import('./eventcounter.ts')).eventcounterModule),
  http: once(async () => (await import('./http.ts')).httpModule),
  prune_history: once(async () => (await import('./prune-history.ts')).pruneHistoryModule),
};
