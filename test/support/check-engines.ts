import { dropLeftovers } from './server-databases.ts';
import { findUnreachable, SERVER_ENGINES, tellUnreachable } from './servers.ts';

/** Every project has this set-up; the first does it for all. */
const DONE = 'TEST_PERIODIC_CRON_ENGINES_CHECKED';

/**
 * Says in one line which engines the tests cannot reach, or fails where they are required, and drops what runs that died
 * have left on the others.
 */
export async function setup(): Promise<void> {
  if (process.env[DONE] !== undefined) {
    return;
  }
  process.env[DONE] = 'yes';
  const unreachable = await findUnreachable();
  const told = tellUnreachable(unreachable);
  if (told !== undefined) {
    if (process.env['TEST_PERIODIC_CRON_ENGINES'] === 'required') {
      throw new Error(told);
    }
    process.stderr.write(`${told}; their tests are left out\n`);
  }
  for (const engine of SERVER_ENGINES.filter((name) => unreachable[name] === undefined)) {
    dropLeftovers(engine);
  }
}
