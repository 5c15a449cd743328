import { statfs } from 'node:fs/promises';
import { defineTaskModule } from 'periodic-cron';
import { z } from 'zod';

type Space = { readonly freeMiB: number; readonly freePercent: number };

/** Fails when a file system has less free space than it should have, so that cron's mail tells the operator. */
export const diskSpace = defineTaskModule({
  id: 'disk_space',
  description: 'Fail when the free space of a file system is under a limit.',
  options: z.strictObject({
    path: z.string().min(1).default('/').describe('Any file or folder of the file system'),
    min_free_mib: z.number().int().nonnegative().default(1024).describe('Least free space, in MiB'),
  }),
  async run({ path, min_free_mib: minFreeMiB }, { log }) {
    const space = await spaceOf(path);
    log.info('free space', { path, ...space });
    if (space.freeMiB < minFreeMiB) {
      throw new Error(`${path}: expected at least ${minFreeMiB} MiB free, got ${space.freeMiB} MiB`);
    }
    return space;
  },
});

async function spaceOf(path: string): Promise<Space> {
  const { bavail, blocks, bsize } = await statfs(path);
  return {
    freeMiB: Math.floor((bavail * bsize) / 1024 ** 2),
    freePercent: blocks === 0 ? 100 : Math.floor((100 * bavail) / blocks),
  };
}
