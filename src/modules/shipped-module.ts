import type { $ZodType, output } from 'zod/v4/core';
import type { ModuleResult, TaskContext } from './module.ts';

/**
 * What the runner lends to the shipped modules that run inside it, by name. A module narrows what it needs with its own
 * type; foreign modules never see it.
 */
export type ShippedServices = { readonly [name: string]: unknown };

/**
 * A module that is part of this program and runs in the runner: it never blocks, and it obeys the signal, since nothing
 * could end it otherwise.
 */
export type ShippedModule<Schema extends $ZodType = $ZodType> = {
  readonly id: string;
  readonly description: string;
  readonly options: Schema;
  run(
    options: output<Schema>,
    context: TaskContext,
    services: ShippedServices,
  ): ModuleResult | Promise<ModuleResult>;
};

/** Declares a shipped module. It only serves the types: the module comes back as it is. */
export function defineShippedModule<Schema extends $ZodType>(
  module: ShippedModule<Schema>,
): ShippedModule<Schema> {
  return module;
}
