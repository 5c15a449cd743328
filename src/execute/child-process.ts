import { childEntryPath } from './child-entry-path.ts';
import { type ChildEnd, type ChildJob, ChildWorker } from './child-worker.ts';
import { environmentOfRun } from './environment.ts';
import { messageOfThrown } from './module-outcome.ts';

/** Has a child process of its own do one job, as this process's user. Never rejects. */
export async function askChild(job: ChildJob): Promise<ChildEnd> {
  try {
    const program = { file: process.execPath, args: [childEntryPath()] };
    const worker = await ChildWorker.start({ program, env: environmentOfRun(job.run, {}) });
    const end = await worker.serve(job);
    await worker.close();
    return end;
  } catch (thrown) {
    const end = { kind: 'not_started', message: messageOfThrown(thrown) } as const;
    return { end, reply: undefined, accepted: false };
  }
}
