import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of this program's own package, in which `migrations` stands beside the bundle. Found by looking upwards
 * for package.json, since the sources and the bundle lie at different depths.
 */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(`${folder}/package.json`) && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return folder;
}
