import { postponeTask } from '../../../src/runner/postpone.ts';
import { findTask } from '../../../src/store/definitions.ts';
import type { Row } from '../../../src/store/driver.ts';
import { instantAt, timeOf } from '../../core/cases/world.ts';
import { at } from '../../support/builders.ts';
import { addSwitch } from '../../support/resources.ts';
import { fullUrlOf } from '../../support/server-databases.ts';
import type { Columns } from '../../support/virtual-database.ts';
import { createGate } from '../../support/virtual-modules.ts';
import { openVirtualWorld, tickOf, type VirtualWorld } from '../../support/virtual-runner.ts';

/** The task of a stored world, and the resource that it may depend on. */
export const TASK = 'case';
export const BACK_END = 'back_end';

export type StoredPlan = {
  /** Columns of the task beside its module. */
  readonly columns?: Columns;
  /** How long a run takes; it goes on until it is asked to end when this is infinite. */
  readonly duration?: number;
  readonly ending?: 'succeeded' | 'failed';
};

/** One task in a real database, created at 0; its node ticks when it is told to. Times are minutes, as in the cases of the core. */
export type StoredWorld = {
  readonly world: VirtualWorld;
  /** Ticks once at the time, after the end of a run that has ended by then; returns when the tick is over or a run goes on. */
  readonly pass: (time: number) => Promise<void>;
  readonly passes: (times: Iterable<number>) => Promise<void>;
  /** Returns when the tick is over whose run was asked to end. */
  readonly settled: () => Promise<void>;
  readonly setOffline: (isOffline: boolean) => void;
  /** Switches the task on or off by plain SQL. */
  readonly switchTo: (isActive: boolean, time: number) => void;
  readonly isActive: () => boolean;
  /** Postpones the task, or another one, as the command does. */
  readonly postpone: (time: number, name?: string) => Promise<void>;
  readonly state: (name?: string) => Row;
  /** The next slot; before the first decision that of the creation. */
  readonly next: (name?: string) => number | null;
  /** What the state waits for; null when nothing comes. */
  readonly timer: () => unknown;
  /** The period in minutes as back-off has left it. */
  readonly period: () => number;
  /** When runs of the task started. */
  readonly starts: () => readonly number[];
  readonly isRunning: () => boolean;
};

type Live = { readonly endsAt: number; readonly open: () => void };

/** Opens a world with the task and its resource, which is up. */
export async function storedWorldOf({
  columns = {},
  duration = 0,
  ending = 'succeeded',
}: StoredPlan): Promise<StoredWorld> {
  const world = await openVirtualWorld();
  const backEnd = addSwitch(world, BACK_END);
  backEnd.up();
  world.addTask({ name: TASK, columns: { module: 'call', ...columns } });
  let live: Live | undefined;
  let ticking: Promise<unknown> = Promise.resolve();
  let onLive = (): void => undefined;
  world.script.call = async (_task, { signal }) => {
    if (duration > 0) {
      const gate = createGate();
      live = { endsAt: timeOf(world.clock.now) + duration, open: gate.open };
      onLive();
      signal.addEventListener('abort', gate.open);
      await gate.wait();
      live = undefined;
    }
    if (ending === 'failed') {
      throw new Error('boom');
    }
  };
  const pass = async (time: number): Promise<void> => {
    if (live !== undefined && live.endsAt <= time) {
      world.clock.now = instantAt(live.endsAt);
      live.open();
      await ticking;
    }
    const goesOn = new Promise<void>((resolve) => {
      onLive = resolve;
    });
    const tick = tickOf(world.runner, world, textAt(time));
    ticking = live === undefined ? tick : ticking;
    await Promise.race([tick, goesOn]);
  };
  return {
    ...{ world, pass, ...looksAt(world) },
    passes: async (times) => {
      for (const time of times) {
        await pass(time);
      }
    },
    settled: async () => {
      await ticking;
    },
    setOffline: (isOffline) => (isOffline ? backEnd.down() : backEnd.up()),
    switchTo: (isActive, time) => {
      world.clock.now = instantAt(time);
      world.changeTask(TASK, { active: isActive ? 1 : 0 });
    },
    postpone: async (time, name = TASK) => {
      world.clock.now = instantAt(time);
      const { record } = await findTask(world.location, name);
      const postponer = { ...world.runner, actor: 'ann', timezoneOf: () => 'UTC' };
      await postponeTask(postponer, record, [world.runner.node.name]);
    },
  };
}

/** What an operator sees. */
function looksAt(
  world: VirtualWorld,
): Pick<StoredWorld, 'isActive' | 'state' | 'next' | 'timer' | 'period' | 'starts' | 'isRunning'> {
  const state = (name = TASK) => world.stateRow(name);
  const row = (): Row => world.sql.prepare('SELECT * FROM periodic_task WHERE name = ?').get(TASK) as Row;
  const runs = () => world.runRows().filter((run) => run['task_name'] === TASK);
  return {
    state,
    isActive: () => Number(row()['active']) === 1,
    next: (name) => timeIn(state(name)['next_slot'] ?? state(name)['first_slot']),
    timer: () => state()['earliest_start'],
    period: () => {
      const seconds = state()['current_period_s'];
      return seconds === null ? Number.parseInt(String(row()['schedule']), 10) : Number(seconds) / 60;
    },
    starts: () =>
      runs()
        .filter((run) => run['status'] !== 'skipped')
        .map((run) => timeIn(run['started_at']) ?? Number.NaN),
    isRunning: () => runs().some((run) => run['status'] === 'running'),
  };
}

/** The instant of a time, as text. */
export function textAt(time: number): string {
  return new Date(instantAt(time)).toISOString();
}

/** The time as a line of the ledger has it. */
export function inLedger(time: number): string {
  return textAt(time).slice('2026-03-10T'.length, -':00.000Z'.length);
}

/** The time of an instant in a column. */
export function timeIn(text: unknown): number | null {
  return typeof text === 'string' && text !== '' ? timeOf(at(text)) : null;
}

/** Every time from the first to the last. */
export function everyTime(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** The database as the command line takes it. */
export function urlOf({ location }: Pick<VirtualWorld, 'location'>): string {
  return location.engine === 'sqlite' ? location.url : fullUrlOf(location);
}
