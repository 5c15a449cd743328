import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The number of somebody other than root who can say what a file holds, since the file or a folder on the way to it is
 * theirs; undefined where it is root's alone, and where the file is missing.
 */
export function foreignOwnerOf(file: string): number | undefined {
  try {
    const ways = [...new Set([file, realpathSync(file)])];
    return ways
      .flatMap((way) => wayTo(way))
      .map((path) => statSync(path).uid)
      .find((uid) => uid !== 0);
  } catch {
    return undefined;
  }
}

function wayTo(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [path] : [path, ...wayTo(folder)];
}
