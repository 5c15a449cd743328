import * as z from 'zod';
import { stop, type TaskContext } from '../../src/modules/module.ts';
import type { ShippedModules } from '../../src/modules/shipped/shipped-modules.ts';
import { defineShippedModule } from '../../src/modules/shipped-module.ts';
import type { VirtualClock } from './virtual-database.ts';

/** What the scripted modules and the test tell each other. */
export type Script = {
  readonly clock: VirtualClock;
  /** The tasks that were started, in that order, each with its slot. */
  readonly started: string[];
  /** Called inside a run of module `call`. */
  call: (task: string, context: TaskContext) => void | Promise<void>;
};

/** Modules that run in the runner and do what their name says. */
export function scriptedModules(script: Script): ShippedModules {
  const define = (id: string, run: ReturnType<typeof defineShippedModule>['run']) =>
    [
      id,
      () =>
        Promise.resolve(
          defineShippedModule({
            id,
            description: `Does what its name says: ${id}`,
            options: z.strictObject({ times: z.int().optional(), ms: z.int().optional() }),
            run: (options, context, services) => {
              script.started.push(context.task.name);
              return run(options, context, services);
            },
          }),
        ),
    ] as const;
  return Object.fromEntries([
    define('succeed', () => undefined),
    define('fail', () => {
      throw new Error('boom');
    }),
    define('throw_undefined', () => Promise.reject(undefined)),
    define('stop', () => stop('nothing left to do', { handled: 3 })),
    define(
      'hang',
      (_options, { signal }) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
    ),
    define('call', async (_options, context) => {
      await script.call(context.task.name, context);
      return undefined;
    }),
    define('fail_at_first', (options, { attempt }) => {
      if (attempt <= numberIn(options, 'times')) {
        throw new Error(`boom ${attempt}`);
      }
      return undefined;
    }),
    define('take', (options) => {
      script.clock.now += numberIn(options, 'ms');
      return undefined;
    }),
    define('count', (_options, { state }) => {
      state.set(Number(state.get() ?? 0) + 1);
      return undefined;
    }),
  ]);
}

function numberIn(options: unknown, name: 'times' | 'ms'): number {
  return Number((options as Readonly<Record<string, unknown>>)[name] ?? 0);
}

/** A place inside a task where it waits until the test lets it go on. */
export type Gate = {
  /** What the task calls. */
  readonly wait: () => Promise<void>;
  /** Resolves when a task waits. */
  readonly reached: Promise<void>;
  readonly open: () => void;
};

export function createGate(): Gate {
  let reach = (): void => undefined;
  let open = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    wait: () => {
      reach();
      return opened;
    },
    reached,
    open: () => open(),
  };
}
