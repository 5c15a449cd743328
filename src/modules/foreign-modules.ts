import type { ModuleSources } from '../config/config.ts';
import type { DescribedModule, Description, Inspector } from './description.ts';
import type { DescriptionCache } from './description-cache.ts';
import { findModuleFiles, type ModuleFault, type ModuleFile } from './module-files.ts';

export type ForeignModule = DescribedModule & {
  readonly file: string;
  readonly fileHash: string;
  /** Why it cannot be used, although its file loads. */
  readonly fault?: string;
};

export type ForeignModules = {
  readonly modules: readonly ForeignModule[];
  readonly faults: readonly ModuleFault[];
};

export type ForeignSources = {
  readonly sources: ModuleSources;
  readonly packageBases: readonly string[];
  readonly inspector: Inspector;
  readonly cache: DescriptionCache;
};

/** The modules of foreign files. Both look for the files once, and never reject. */
export type ForeignLookup = {
  /** All modules and faults: what the cache does not know is described first. */
  readonly all: () => Promise<ForeignModules>;
  /**
   * The modules among which this id is, if there is such a one. Files that the cache does not know are described only
   * when no known file holds the id, so that a file that is slow to load does not delay the tasks of others.
   */
  readonly among: (id: string) => Promise<ForeignModules>;
};

/**
 * Looks modules up in foreign files. An id that two described files define is a fault of both, since neither has a
 * better claim to it; an id of a shipped module stays the shipped module's.
 */
export function createForeignLookup(foreign: ForeignSources, shippedIds: readonly string[]): ForeignLookup {
  let looked: Promise<LookedUp> | undefined;
  let described: Promise<ForeignModules> | undefined;
  const lookUpOnce = (): Promise<LookedUp> => {
    looked ??= lookUp(foreign);
    return looked;
  };
  const all = (): Promise<ForeignModules> => {
    described ??= lookUpOnce().then(async ({ files, faults }) =>
      modulesOf(await describeUnknown(foreign, files), faults, shippedIds),
    );
    return described;
  };
  const among = async (id: string): Promise<ForeignModules> => {
    if (described !== undefined) {
      return described;
    }
    const { files, faults } = await lookUpOnce();
    const known = modulesOf(files.filter(isDescribed), faults, shippedIds);
    return known.modules.some((module) => module.id === id) ? known : all();
  };
  return { all, among };
}

type LookedUpFile = { readonly file: ModuleFile; readonly description: Description | undefined };
type DescribedFile = { readonly file: ModuleFile; readonly description: Description };
type LookedUp = { readonly files: readonly LookedUpFile[]; readonly faults: readonly ModuleFault[] };

async function lookUp({ sources, packageBases, cache }: ForeignSources): Promise<LookedUp> {
  const { files, faults } = await findModuleFiles(sources, packageBases);
  const find = async (file: ModuleFile) => ({ file, description: await cache.find(file.hash) });
  return { files: await Promise.all(files.map(find)), faults };
}

function isDescribed(file: LookedUpFile): file is DescribedFile {
  return file.description !== undefined;
}

// Each is a process of its own.
const DESCRIBED_AT_ONCE = 4;

function describeUnknown(
  { inspector, cache }: ForeignSources,
  files: readonly LookedUpFile[],
): Promise<readonly DescribedFile[]> {
  return mapAtOnce(files, DESCRIBED_AT_ONCE, async ({ file, description: known }) => {
    if (known !== undefined) {
      return { file, description: known };
    }
    const description = await inspector.describe(file.file);
    await cache.keep(file.hash, description);
    return { file, description };
  });
}

async function mapAtOnce<Item, Result>(
  items: readonly Item[],
  limit: number,
  map: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  // All workers draw from this one iterator.
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of queue) {
      results[index] = await map(item);
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  return results;
}

function modulesOf(
  files: readonly DescribedFile[],
  faultsOfFinding: readonly ModuleFault[],
  shippedIds: readonly string[],
): ForeignModules {
  const modules = files.flatMap(({ file, description }) =>
    description.kind === 'fault'
      ? []
      : description.modules.map((module) => ({ ...module, file: file.file, fileHash: file.hash })),
  );
  return {
    modules: withFaultsOfIds(modules.filter((module) => !shippedIds.includes(module.id))),
    faults: [...faultsOfFinding, ...files.flatMap(faultsOfFile), ...faultsOfShippedIds(modules, shippedIds)],
  };
}

/** What is said of a file that loads and is no business of this program. */
export const NO_MODULE = 'expected a task module among its exports, got none';

function faultsOfFile({ file: { file }, description }: DescribedFile): readonly ModuleFault[] {
  if (description.kind === 'fault') {
    return [{ file, message: description.message }];
  }
  return description.modules.length === 0 ? [{ file, message: NO_MODULE }] : [];
}

function withFaultsOfIds(modules: readonly ForeignModule[]): readonly ForeignModule[] {
  return modules.map((module) => {
    const files = modules.filter((other) => other.id === module.id).map((other) => other.file);
    return files.length < 2
      ? module
      : {
          ...module,
          fault: `expected one module ${JSON.stringify(module.id)}, got ${files.length}: ${files.join(', ')}`,
        };
  });
}

function faultsOfShippedIds(
  modules: readonly ForeignModule[],
  shippedIds: readonly string[],
): readonly ModuleFault[] {
  return modules
    .filter((module) => shippedIds.includes(module.id))
    .map(({ file, id }) => ({
      file,
      message: `expected an id of its own, got ${JSON.stringify(id)}, which is a shipped module's`,
    }));
}
