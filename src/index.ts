export type { JsonValue } from './core/json.ts';
export {
  defineTaskModule,
  type LogFields,
  type ModuleResult,
  type OneShot,
  type Stop,
  stop,
  type TaskContext,
  type TaskCounters,
  type TaskLog,
  type TaskModule,
  type TaskState,
  type TaskStats,
} from './modules/module.ts';
export { type PeriodicSettings, type PeriodicTaskModule, periodicTask } from './modules/periodic-task.ts';
