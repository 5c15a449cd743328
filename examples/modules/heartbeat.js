import { rename, writeFile } from 'node:fs/promises';
import { defineTaskModule } from 'periodic-cron';
import { z } from 'zod';

// Writes a file whose content tells a monitoring system that this node still runs its tasks. The file is replaced as a
// whole, so that nobody reads half of it.
export const heartbeat = defineTaskModule({
  id: 'heartbeat',
  description: 'Write a file that says how often, and for which slot, this task has run.',
  options: z.strictObject({
    path: z.string().min(1).describe('The file to write'),
  }),
  async run({ path }, { slotAt, node, state, log }) {
    const before = state.get();
    const count = typeof before === 'number' ? before + 1 : 1;
    const beat = { node, count, slotAt: slotAt?.toISOString() ?? null };
    await writeFile(`${path}.new`, `${JSON.stringify(beat)}\n`);
    await rename(`${path}.new`, path);
    state.set(count);
    log.info('heartbeat written', { path, count });
    return beat;
  },
});
