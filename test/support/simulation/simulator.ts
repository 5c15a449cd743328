import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_SETTINGS } from '../../../src/config/config.ts';
import { DatabaseError } from '../../../src/core/errors.ts';
import { BusyError, runByHand } from '../../../src/runner/manual.ts';
import { postponeTask } from '../../../src/runner/postpone.ts';
import type { Runner, RunnerEvent } from '../../../src/runner/runner.ts';
import { openSpool } from '../../../src/runner/spool.ts';
import { runTick } from '../../../src/runner/tick.ts';
import { resetTask } from '../../../src/store/reset.ts';
import { loadCandidate } from '../../../src/store/tick-statements.ts';
import { sqliteOf } from '../virtual-database.ts';
import { openVirtualWorld, type VirtualWorld } from '../virtual-runner.ts';
import { scriptedRegistry } from './scripted-registry.ts';
import { driverOf, dyingDriver, type SimulatedProcess } from './simulated-process.ts';
import { columnsOf } from './task-columns.ts';
import { createTimeline, type Timeline } from './timeline.ts';
import { useVirtualTimers, type VirtualTimers } from './virtual-timers.ts';
import {
  isCutOff,
  isoText,
  operatorNode,
  type SimulatedNode,
  type SimulatedTask,
  type SimulatedTick,
  type WorldScript,
} from './world.ts';
import { playWorld } from './world-events.ts';

/** No process has this number: Linux gives at most 4,194,304. */
const NO_PROCESS = 2_000_000_000;

/** A world in which the program itself has played a script to its end. */
export type SimulatedWorld = Pick<VirtualWorld, 'sql'> & {
  /** What an operator was told by ticks, but for that the database was away. */
  readonly warnings: readonly string[];
  /** The names of the tasks that each tick started, in the order of their starts. */
  readonly starts: readonly (readonly string[])[];
};

type Stage = {
  readonly script: WorldScript;
  readonly world: VirtualWorld;
  readonly timeline: Timeline;
  readonly timers: VirtualTimers;
  readonly runners: ReadonlyMap<string, Runner>;
  /** The processes of the runs, by the token of the run. */
  readonly processes: Map<string, SimulatedProcess>;
  readonly warnings: string[];
  readonly starts: (readonly string[])[];
};

/** Plays the script with the runner over a database of its own, in virtual time; closed with the test. */
export async function simulate(script: WorldScript): Promise<SimulatedWorld> {
  const world = await openVirtualWorld({ start: isoText(script.startsAt) });
  await prepareDatabase(world);
  const timers = useVirtualTimers();
  try {
    const stage = stageOf(script, world, timers);
    await playWorld(script, stage.timeline, {
      create: (task) => {
        world.addTask({ name: task.name, nodes: task.nodes, columns: columnsOf(task) });
        return Promise.resolve();
      },
      switchTask: ({ name }, active) => {
        world.changeTask(name, { active: active ? 1 : 0 });
        return Promise.resolve();
      },
      postpone: (task) => postpone(stage, task),
      reset: (task) => reset(stage, task),
      runByHand: (task, node) => byHand(stage, task, node),
      tick: (tick) => playTick(stage, tick),
    });
    return { sql: world.sql, warnings: stage.warnings, starts: stage.starts };
  } finally {
    timers.restore();
  }
}

/** A test's file need not outlive a power cut. What takes a handled slot back is noted where the contract looks. */
async function prepareDatabase({ runner, sql }: VirtualWorld): Promise<void> {
  await runner.driver.run('PRAGMA synchronous = OFF');
  sqliteOf({ sql }).pragma('synchronous = OFF');
  sql.exec(`
    CREATE TABLE simulated_breach (task_id INTEGER, scope_key TEXT, before TEXT, after TEXT);
    CREATE TRIGGER simulated_watch AFTER UPDATE ON periodic_task_state
      WHEN coalesce(NEW.handled_slot, '') < coalesce(OLD.handled_slot, '') OR NEW.epoch < OLD.epoch
      BEGIN INSERT INTO simulated_breach VALUES (OLD.task_id, OLD.scope_key, OLD.handled_slot, NEW.handled_slot); END
  `);
}

function stageOf(script: WorldScript, world: VirtualWorld, timers: VirtualTimers): Stage {
  const timeline = createTimeline(script.startsAt, (now) => {
    timers.advance(now - world.clock.now);
    world.clock.now = now;
  });
  const processes = new Map<string, SimulatedProcess>();
  const buryRunner = world.sql.prepare('UPDATE periodic_run SET pid = ? WHERE token = ?');
  const crash = (runId: string): void => {
    buryRunner.run(NO_PROCESS, runId);
    const process = processes.get(runId);
    if (process !== undefined) {
      process.isDead = true;
    }
  };
  const registry = scriptedRegistry({ script, timeline, crash });
  const runners = new Map(
    script.nodes.map((node) => {
      const runner = runnerOf(world, node, script.maxRunning);
      return [node.name, { ...runner, registry: () => Promise.resolve(registry) }];
    }),
  );
  return { script, world, timeline, timers, runners, processes, warnings: [], starts: [] };
}

/** The runner of a node, which is a machine of its own. */
function runnerOf(
  world: VirtualWorld,
  { name, timezone, rhythmSeconds }: SimulatedNode,
  maxRunning: number,
): Runner {
  const { runner } = world;
  const machineId = `machine-${name}`;
  return world.otherRunner({
    node: { ...runner.node, name, timezone, machineId },
    identity: { ...runner.identity, machineId },
    settings: { ...DEFAULT_SETTINGS, maxRunning, tickEverySeconds: rhythmSeconds, defaultTimeoutSeconds: 0 },
    spool: openSpool([join(world.folder, `spool-${name}`)], runner.spool.databaseId),
  });
}

/** A process of the node: what it claims is known as its own. */
function processOn(stage: Stage, name: string, onEvent: (event: RunnerEvent) => void) {
  const runner = stage.runners.get(name);
  if (runner === undefined) {
    throw new Error(`expected a node of the script, got ${JSON.stringify(name)}`);
  }
  const process: SimulatedProcess = { isDead: false };
  const { script, timeline, processes } = stage;
  const driver = driverOf(runner.driver, process, () => isCutOff(script, name, timeline.now()));
  const onOwnEvent = (event: RunnerEvent): void => {
    if (event.kind === 'life' && event.life.event === 'started' && event.life.runId) {
      processes.set(event.life.runId, process);
    }
    onEvent(event);
  };
  return { process, runner: { ...runner, driver, onEvent: onOwnEvent } };
}

async function playTick(stage: Stage, { node, processAgeMs, diesEarly }: SimulatedTick): Promise<void> {
  const { timeline, warnings, starts, script } = stage;
  const started: string[] = [];
  const isAway = (): boolean => isCutOff(script, node, timeline.now());
  const { process, runner } = processOn(stage, node, (event) => {
    if (event.kind === 'started') {
      started.push(event.task);
    } else if (event.kind === 'warning' && !isAway()) {
      warnings.push(event.message);
    }
  });
  starts.push(started);
  const driver = diesEarly ? dyingDriver(runner.driver, process, timeline.die) : runner.driver;
  const options = { parallel: 1, failFast: false, noStartAfter: undefined, processAgeMs };
  try {
    await runTick({ ...runner, driver }, options);
  } catch (error) {
    if (!(error instanceof DatabaseError && isAway())) {
      throw error;
    }
  }
}

/** Postpones the states of the task that are not terminated, and lets their runners hear of it. */
async function postpone(stage: Stage, task: SimulatedTask): Promise<void> {
  // Operators sit where the database is.
  const beside = { ...stage, script: { ...stage.script, outages: [] } };
  const { runner } = processOn(beside, operatorNode(stage.script), () => undefined);
  const timezoneOf = (name: string): string =>
    stage.script.nodes.find((node) => node.name === name)?.timezone ?? runner.node.timezone;
  for (const scopeKey of task.scope === 'one' ? ['*'] : task.nodes) {
    const candidate = await loadCandidate(runner.driver, { taskId: task.id, scopeKey, ordering: 0 });
    if (candidate !== undefined && candidate.state.terminatedAt === null) {
      await postponeTask({ ...runner, timezoneOf, actor: 'operator' }, candidate.record, [scopeKey]);
      stage.timers.lookAround();
      // All use one connection, in turn: when it is free, everybody has looked.
      await runner.driver.all('SELECT 1');
      await setImmediate();
    }
  }
}

async function reset({ world, timeline }: Stage, { name }: SimulatedTask): Promise<void> {
  await resetTask(world.location, name, { node: undefined, now: timeline.now(), actor: 'operator' });
}

async function byHand(stage: Stage, task: SimulatedTask, node: string): Promise<void> {
  if (isCutOff(stage.script, node, stage.timeline.now())) {
    return;
  }
  const { runner } = processOn(stage, node, () => undefined);
  try {
    await runByHand(runner, { taskId: task.id, overrides: {}, isOwnNode: true });
  } catch (error) {
    if (!(error instanceof BusyError)) {
      throw error;
    }
  }
}
