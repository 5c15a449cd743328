import type { ShippedModule } from '../shipped-module.ts';

export type ShippedModules = { readonly [id: string]: () => Promise<ShippedModule> };

/** The modules that run in the runner, each loaded when it is first needed. `command` is not among them. */
export const SHIPPED_MODULES: ShippedModules = {
  prune_history: async () => (await import('./prune-history.ts')).pruneHistoryModule,
};
