export type { JsonValue } from './core/json.ts';
export {
  defineTaskModule,
  type LogFields,
  type ModuleResult,
  type Stop,
  stop,
  type TaskContext,
  type TaskLog,
  type TaskModule,
  type TaskState,
} from './modules/module.ts';
