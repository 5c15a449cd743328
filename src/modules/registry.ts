import type { ModuleSources } from '../config/config.ts';
import type { Fault } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Inspector } from './description.ts';
import type { DescriptionCache } from './description-cache.ts';
import type { ForeignLookup, ForeignModule, ForeignModules } from './foreign-modules.ts';
import type { ModuleFault } from './module-files.ts';
import { checkOptions, describeOptions, type OptionField } from './options.ts';
import type { PeriodicSpec } from './periodic-task.ts';
import type { ChildModule, ChildModules } from './shipped/child-modules.ts';
import { COMMAND_DESCRIPTION, COMMAND_FIELDS, COMMAND_ID, readCommandOptions } from './shipped/command.ts';
import { SHIPPED_MODULES, type ShippedModules } from './shipped/shipped-modules.ts';
import type { ShippedModule } from './shipped-module.ts';
import { messageOfUnknownModule } from './unknown-module.ts';

/** A module as a run needs it: where its code is, or why there is none. */
export type ResolvedModule =
  | { readonly kind: 'shipped'; readonly id: string; readonly load: () => Promise<ShippedModule> }
  | { readonly kind: 'command'; readonly id: string }
  | {
      readonly kind: 'foreign';
      readonly id: string;
      readonly file: string;
      /**
       * What a shipped module that runs in a child process is lent for a run with these options, to be handed over by the
       * channel alone, since it may hold a secret. Rejects with an error for people when it cannot be had. A foreign
       * module of somebody else is lent nothing.
       */
      readonly lend?: (options: JsonValue) => Promise<JsonValue>;
    }
  | { readonly kind: 'fault'; readonly id: string; readonly message: string };

/** A module as people see it. */
export type ModuleEntry = {
  readonly id: string;
  /** Where its runs take place: inside the runner, as a command, or in a child process. */
  readonly place: 'runner' | 'command' | 'child';
  /** Of a module that is not shipped. */
  readonly file?: string;
  readonly description: string;
  readonly options: readonly OptionField[];
  /** When it runs, of a task that its file declares. */
  readonly periodic?: PeriodicSpec;
  /** Why tasks that name it cannot run. */
  readonly fault?: string;
};

export type ModuleListing = {
  readonly modules: readonly ModuleEntry[];
  readonly faults: readonly ModuleFault[];
};

/** The modules that tasks may name. Foreign files are looked for once, when something first needs to know. */
export type Registry = {
  /** Never rejects: whatever is wrong with a module is a fault of the tasks that name it. */
  readonly resolve: (id: string) => Promise<ResolvedModule>;
  /** Names every fault of the options; a module that cannot be used is a fault of the field `module`. */
  readonly checkOptions: (id: string, options: JsonValue) => Promise<readonly Fault[]>;
  readonly list: () => Promise<ModuleListing>;
  /** The same modules, looked up without writing a file: what the cache does not know is found out and forgotten. */
  readonly readOnly: () => Registry;
};

export type RegistrySettings = {
  readonly sources: ModuleSources;
  /** Folders from which packages are looked for, in this order. */
  readonly packageBases: readonly string[];
  readonly inspector: Inspector;
  readonly cache: DescriptionCache;
  readonly shipped?: ShippedModules;
  /** Shipped modules that run in a child process; none when absent, since they need to know the configuration. */
  readonly shippedChildren?: ChildModules;
};

/** Makes the registry of the shipped modules and of those in the folders and packages of the settings. */
export function createRegistry(settings: RegistrySettings): Registry {
  const shipped = settings.shipped ?? SHIPPED_MODULES;
  const children = settings.shippedChildren ?? {};
  const shippedIds = [COMMAND_ID, ...Object.keys(shipped), ...Object.keys(children)].sort();
  let lookup: Promise<ForeignLookup> | undefined;
  const foreign = (): Promise<ForeignLookup> => {
    lookup ??= import('./foreign-modules.ts').then(({ createForeignLookup }) =>
      createForeignLookup(settings, shippedIds),
    );
    return lookup;
  };
  const among = async (id: string): Promise<ForeignModules> => (await foreign()).among(id);
  const resolve = async (id: string): Promise<ResolvedModule> =>
    resolveShipped(shipped, id) ??
    resolveChild(childNamed(children, id), id) ??
    resolveForeign(await among(id), shippedIds, id);
  return {
    resolve,
    checkOptions: async (id, options) => {
      const child = childNamed(children, id);
      return child === undefined
        ? faultsOfOptions(settings, await resolve(id), options, among)
        : faultsOfChildOptions(child, options);
    },
    list: async () => {
      const { modules, faults } = await (await foreign()).all();
      const own = [...(await listShipped(shipped)), ...(await listChildren(children))];
      return { modules: [...own, ...modules.map(entryOf)], faults };
    },
    readOnly: () => createRegistry({ ...settings, cache: readOnlyCache(settings.cache) }),
  };
}

function readOnlyCache({ find, knowsValid }: DescriptionCache): DescriptionCache {
  const forget = () => Promise.resolve();
  return { find, knowsValid, keep: forget, keepValid: forget };
}

function resolveShipped(shipped: ShippedModules, id: string): ResolvedModule | undefined {
  if (id === COMMAND_ID) {
    return { kind: 'command', id };
  }
  const load = Object.hasOwn(shipped, id) ? shipped[id] : undefined;
  return load === undefined ? undefined : { kind: 'shipped', id, load };
}

function childNamed(children: ChildModules, id: string): ChildModule | undefined {
  return Object.hasOwn(children, id) ? children[id] : undefined;
}

function resolveChild(child: ChildModule | undefined, id: string): ResolvedModule | undefined {
  return child === undefined ? undefined : { kind: 'foreign', id, file: child.file, lend: child.lend };
}

function resolveForeign(foreign: ForeignModules, shippedIds: readonly string[], id: string): ResolvedModule {
  const found = foreign.modules.find((module) => module.id === id);
  if (found?.fault !== undefined) {
    return { kind: 'fault', id, message: found.fault };
  }
  if (found !== undefined) {
    return { kind: 'foreign', id, file: found.file };
  }
  const ids = [...shippedIds, ...foreign.modules.map((module) => module.id)];
  return { kind: 'fault', id, message: messageOfUnknownModule(id, { ids, faults: foreign.faults }) };
}

async function faultsOfOptions(
  settings: RegistrySettings,
  module: ResolvedModule,
  options: JsonValue,
  among: (id: string) => Promise<ForeignModules>,
): Promise<readonly Fault[]> {
  switch (module.kind) {
    case 'fault':
      return [{ field: 'module', message: module.message }];
    case 'command': {
      const read = readCommandOptions(options);
      return read.kind === 'invalid' ? read.faults : [];
    }
    case 'shipped':
      return checkOptions((await module.load()).options, options);
    case 'foreign': {
      const found = (await among(module.id)).modules.find((candidate) => candidate.id === module.id);
      return found === undefined ? [] : await checkForeign(settings, found, options);
    }
  }
}

async function faultsOfChildOptions(child: ChildModule, options: JsonValue): Promise<readonly Fault[]> {
  const faults = await checkOptions((await child.load()).options, options);
  return [...faults, ...(await child.checkHere(options))];
}

async function checkForeign(
  { cache, inspector }: RegistrySettings,
  { file, fileHash, id }: ForeignModule,
  options: JsonValue,
): Promise<readonly Fault[]> {
  if (await cache.knowsValid(fileHash, id, options)) {
    return [];
  }
  const faults = await inspector.check(file, id, options);
  if (faults.length === 0) {
    await cache.keepValid(fileHash, id, options);
  }
  return faults;
}

async function listShipped(shipped: ShippedModules): Promise<readonly ModuleEntry[]> {
  const command: ModuleEntry = {
    id: COMMAND_ID,
    place: 'command',
    description: COMMAND_DESCRIPTION,
    options: COMMAND_FIELDS,
  };
  const others = Object.values(shipped).map(async (load): Promise<ModuleEntry> => {
    const { id, description, options } = await load();
    return { id, place: 'runner', description, options: await describeOptions(options) };
  });
  return [command, ...(await Promise.all(others))];
}

function listChildren(children: ChildModules): Promise<readonly ModuleEntry[]> {
  const entries = Object.values(children).map(async ({ load }): Promise<ModuleEntry> => {
    const { id, description, options } = await load();
    return { id, place: 'child', description, options: await describeOptions(options) };
  });
  return Promise.all(entries);
}

function entryOf({ id, file, description, options, periodic, fault }: ForeignModule): ModuleEntry {
  return {
    ...{ id, place: 'child', file, description, options },
    ...(periodic === undefined ? {} : { periodic }),
    ...(fault === undefined ? {} : { fault }),
  };
}
