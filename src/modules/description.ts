import type { Fault } from '../core/errors.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { OptionField } from './options.ts';
import { type PeriodicSpec, readPeriodicSpec } from './periodic-task.ts';

/** What a foreign file holds, as the child process that loaded it tells. */
export type DescribedModule = {
  readonly id: string;
  readonly description: string;
  readonly options: readonly OptionField[];
  /** When it runs, of a task that the file declares. */
  readonly periodic?: PeriodicSpec;
};

export type Description =
  | { readonly kind: 'described'; readonly modules: readonly DescribedModule[] }
  | { readonly kind: 'fault'; readonly message: string };

/** Looks into foreign files without loading them into this process. */
export type Inspector = {
  /** Never rejects: a file that does not load is a fault. */
  readonly describe: (file: string) => Promise<Description>;
  /** Checks options with the module's own schema. Never rejects. */
  readonly check: (file: string, id: string, options: JsonValue) => Promise<readonly Fault[]>;
};

/** Reads what a child or a cached file says; `undefined` when it is not a list of described modules. */
export function readDescribedModules(value: unknown): readonly DescribedModule[] | undefined {
  return Array.isArray(value) && value.every(isDescribedModule) ? value : undefined;
}

/** Reads a list of faults as a child tells it; `undefined` for anything else. */
export function readFaults(value: unknown): readonly Fault[] | undefined {
  return Array.isArray(value) && value.every(isFault) ? value : undefined;
}

function isDescribedModule(value: unknown): value is DescribedModule {
  return (
    isJsonObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['description'] === 'string' &&
    Array.isArray(value['options']) &&
    value['options'].every(isOptionField) &&
    (value['periodic'] === undefined || readPeriodicSpec(value['periodic']) !== undefined)
  );
}

function isOptionField(value: unknown): value is OptionField {
  return (
    isJsonObject(value) &&
    typeof value['name'] === 'string' &&
    typeof value['type'] === 'string' &&
    typeof value['description'] === 'string' &&
    typeof value['required'] === 'boolean' &&
    typeof value['secret'] === 'boolean'
  );
}

function isFault(value: unknown): value is Fault {
  return isJsonObject(value) && typeof value['field'] === 'string' && typeof value['message'] === 'string';
}
