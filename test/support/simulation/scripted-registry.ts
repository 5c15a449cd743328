import * as z from 'zod';
import { stop } from '../../../src/modules/module.ts';
import { createRegistry, type Registry } from '../../../src/modules/registry.ts';
import { defineShippedModule } from '../../../src/modules/shipped-module.ts';
import { fateOf } from './fate.ts';
import type { Timeline } from './timeline.ts';
import { type SimulatedTask, scopeKeyOf, type WorldScript } from './world.ts';

type Stage = {
  readonly script: WorldScript;
  readonly timeline: Timeline;
  /** Ends the process that runs it, so that nobody records anything of it. */
  readonly crash: (runId: string) => void;
};

/** A registry whose one module, `scripted`, does what the script says. */
export function scriptedRegistry({ script, timeline, crash }: Stage): Registry {
  const tasks = new Map(script.tasks.map((task) => [task.name, task]));
  const module = defineShippedModule({
    id: 'scripted',
    description: 'Does what the script of its world says',
    options: z.strictObject({}),
    run: async (_options, { task, node, slotAt, attempt, runId, signal }) => {
      const startedAt = timeline.now();
      const scripted = taskOf(tasks, task.name);
      const slot = slotAt?.getTime() ?? startedAt;
      const key = { task: scripted, scope: scopeKeyOf(scripted, node), slot, attempt, startedAt };
      const fate = fateOf(script, key);
      signal.addEventListener('abort', () => {
        if (signal.reason === 'cancelled') {
          timeline.wake(signal);
        }
      });
      if (await timeline.sleepUntil(startedAt + fate.durationMs, signal)) {
        return undefined;
      }
      switch (fate.end) {
        case 'crash':
          crash(runId);
          return timeline.die();
        case 'hang':
          return aborted(signal);
        case 'fail':
          throw new Error('the script says so');
        case 'stop':
          return stop('the script says so');
        case 'succeed':
          return undefined;
      }
    },
  });
  const nothing = () => Promise.reject(new Error('there are no foreign modules here'));
  return createRegistry({
    sources: { folders: [], packages: [] },
    packageBases: [],
    inspector: { describe: nothing, check: nothing },
    cache: { find: nothing, keep: nothing, knowsValid: nothing, keepValid: nothing },
    shipped: { scripted: () => Promise.resolve(module) },
  });
}

function taskOf(tasks: ReadonlyMap<string, SimulatedTask>, name: string): SimulatedTask {
  const task = tasks.get(name);
  if (task === undefined) {
    throw new Error(`expected a task of the script, got ${JSON.stringify(name)}`);
  }
  return task;
}

/** What does not end by itself ends when it is told to. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(undefined);
    }
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
