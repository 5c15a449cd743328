import { parse } from 'node:path';
import { didYouMean } from '../config/near-miss.ts';
import type { ModuleFault } from './module-files.ts';

export type KnownModules = {
  readonly ids: readonly string[];
  /** Of files that hold no module, or none that loads. */
  readonly faults: readonly ModuleFault[];
};

/**
 * Says that no module has this id. A file with the name of the id that does not load is told with its error; other
 * files are left out, so that they can come and go without changing what is known of a task.
 */
export function messageOfUnknownModule(id: string, { ids, faults }: KnownModules): string {
  const expected = `expected a known module, got ${JSON.stringify(id)}${didYouMean(id, ids)}`;
  const ownFault = faults.find(({ file }) => withoutDashes(parse(file).name) === withoutDashes(id));
  return ownFault === undefined
    ? `${expected}; see "periodic-cron modules"`
    : `${expected}; ${inOneLine(`${ownFault.file}: ${ownFault.message}`)}`;
}

function withoutDashes(name: string): string {
  return name.replaceAll('-', '_');
}

/** In characters. */
const MAX_LENGTH = 200;

function inOneLine(text: string): string {
  const characters = [...text.replace(/\s+/g, ' ')];
  return characters.length <= MAX_LENGTH
    ? characters.join('')
    : `${characters.slice(0, MAX_LENGTH - 1).join('')}…`;
}
