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

/**
 * Describes every foreign file, from the cache where its content is known. An id that two files define is a fault of
 * both, since neither has a better claim to it; an id of a shipped module stays the shipped module's.
 */
export async function describeForeignFiles(
  foreign: ForeignSources,
  shippedIds: readonly string[],
): Promise<ForeignModules> {
  const { files, faults } = await findModuleFiles(foreign.sources, foreign.packageBases);
  const modules: ForeignModule[] = [];
  const allFaults: ModuleFault[] = [...faults];
  for (const file of files) {
    const description = await describe(foreign, file);
    if (description.kind === 'fault') {
      allFaults.push({ file: file.file, message: description.message });
    } else if (description.modules.length === 0) {
      allFaults.push({ file: file.file, message: 'expected a task module among its exports, got none' });
    } else {
      modules.push(
        ...description.modules.map((module) => ({ ...module, file: file.file, fileHash: file.hash })),
      );
    }
  }
  return {
    modules: withFaultsOfIds(modules.filter((module) => !shippedIds.includes(module.id))),
    faults: [...allFaults, ...faultsOfShippedIds(modules, shippedIds)],
  };
}

async function describe({ inspector, cache }: ForeignSources, file: ModuleFile): Promise<Description> {
  const known = await cache.find(file.hash);
  if (known !== undefined) {
    return { kind: 'described', modules: known };
  }
  const description = await inspector.describe(file.file);
  if (description.kind === 'described') {
    await cache.keep(file.hash, description.modules);
  }
  return description;
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
