import { childEntryPath } from './child-entry-path.ts';
import { type ChildPlace, findPlace } from './child-place.ts';
import { type ChildEnd, type ChildJob, ChildWorker } from './child-worker.ts';
import { environmentOfRun } from './environment.ts';
import { foreignOwnerOf } from './file-owner.ts';
import { messageOfThrown } from './module-outcome.ts';
import { readRights } from './rights.ts';

/**
 * Has a child process of its own do one job. It runs as this process's user; but root runs no code that others can
 * change, so that there it runs as whoever can change the file. Never rejects.
 */
export async function askChild(job: ChildJob): Promise<ChildEnd> {
  try {
    const place = await placeOf(job);
    if (place.kind === 'fault') {
      return notStarted(place.message);
    }
    const worker = await ChildWorker.start(place.spec);
    const end = await worker.serve(job);
    await worker.close();
    return end;
  } catch (thrown) {
    return notStarted(messageOfThrown(thrown));
  }
}

async function placeOf({ request: { file }, run }: ChildJob): Promise<ChildPlace> {
  const owner = readRights().maySetUid ? foreignOwnerOf(file) : undefined;
  if (owner === undefined) {
    const program = { file: process.execPath, args: [childEntryPath()] };
    return { kind: 'place', spec: { program, env: environmentOfRun(run, {}) } };
  }
  const limits = { user: String(owner), memoryBytes: null };
  const userFrom = `a file that user ${owner} can change is loaded as that user`;
  return await findPlace({ limits, file, run, userFrom });
}

function notStarted(message: string): ChildEnd {
  return { end: { kind: 'not_started', message }, reply: undefined, accepted: false };
}
