import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defineTaskModule } from 'periodic-cron';
import { z } from 'zod';

const DAY_MS = 86_400_000;

// Tells how far it is, adds to a counter, and records a value of a series.
export const tidyFolder = defineTaskModule({
  id: 'tidy_folder',
  description: 'Remove the files of a folder that have not been changed for some days.',
  options: z.strictObject({
    path: z.string().startsWith('/').describe('The folder'),
    days: z.number().int().min(1).default(30).describe('How old a file may become'),
  }),
  async run({ path, days }, { signal, progress, counters, stats }) {
    const oldest = Date.now() - days * DAY_MS;
    const names = await readdir(path);
    let removed = 0;
    for (const [index, name] of names.entries()) {
      signal.throwIfAborted();
      const file = join(path, name);
      const found = await stat(file);
      if (found.isFile() && found.mtimeMs < oldest) {
        await rm(file);
        removed += 1;
      }
      progress(index + 1, names.length);
    }
    await counters.increment('files removed', removed);
    await stats.record(`removed from ${path}`, removed);
    return { removed };
  },
});
