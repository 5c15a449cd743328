import type { Instant } from '../../core/instants.ts';
import type { TaskState } from '../../core/state.ts';
import type { Task } from '../../core/task.ts';
import type { Timetable } from '../../core/timetable.ts';

/** A state of a valid task, as it stands when the simulation begins. */
export type SimulatedState = {
  readonly task: Task;
  readonly timetable: Timetable;
  readonly state: TaskState;
  /** Nodes that may take its slots: one, or those of a task of scope `one`. */
  readonly nodes: ReadonlySet<string>;
  /** How long a run takes, by its past runs. */
  readonly durationMs: number;
};

export type SimulatedNode = {
  readonly name: string;
  /** The number of its last tick before the simulation. */
  readonly lastTick: number;
};

export type SimulationPlan = {
  readonly nodes: readonly SimulatedNode[];
  readonly states: readonly SimulatedState[];
  /** The number of ticks of all nodes before the simulation. */
  readonly allTicks: number;
  /** The first tick of every node. */
  readonly beginsAt: Instant;
  /** What happens before is played, but not told. */
  readonly tellsFrom: Instant;
  /** The last instant at which something starts. */
  readonly until: Instant;
  readonly everySeconds: number;
  readonly maxRunning: number;
};

export type SimulatedRun = {
  readonly task: string;
  readonly node: string;
  readonly slotAt: Instant;
  readonly startAt: Instant;
  readonly durationMs: number;
  /** How many older due slots it stands for. */
  readonly missed: number;
};

export type SimulatedSkip = {
  readonly task: string;
  readonly node: string;
  readonly at: Instant;
  readonly firstSlotAt: Instant;
  readonly slotAt: Instant;
  readonly count: number;
  readonly reason: string;
};

/** What a task would come to, its states together. */
export type TaskTotals = {
  readonly task: string;
  readonly runs: number;
  readonly missed: number;
  readonly skipped: number;
  /** Within the span, runs beside each other added up. */
  readonly busyMs: number;
  readonly nextSlotAt: Instant | null;
};

/** How busy a node would be. */
export type NodeTotals = {
  readonly node: string;
  readonly ticks: number;
  /** Ticks that started or skipped something. */
  readonly busyTicks: number;
  /** Within the span, runs beside each other added up. */
  readonly busyMs: number;
  readonly mostAtOnce: number;
  /** How often a task had to stay due because `max_running` tasks ran. */
  readonly heldBack: number;
};

export type Simulation = {
  readonly runs: readonly SimulatedRun[];
  readonly skips: readonly SimulatedSkip[];
  /** The lists were cut; the totals were not. */
  readonly isCut: boolean;
  readonly tasks: readonly TaskTotals[];
  readonly nodes: readonly NodeTotals[];
};
