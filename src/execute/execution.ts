import type { Instant } from '../core/instants.ts';
import type { JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { ResolvedModule } from '../modules/registry.ts';
import type { ShippedServices } from '../modules/shipped-module.ts';

/** One attempt to run a task: everything that the execution needs to know, and nothing it has to look up. */
export type ExecutionRequest = {
  readonly module: ResolvedModule;
  readonly options: JsonValue;
  readonly run: RunFacts;
  /** What the task's last successful run kept. */
  readonly state: JsonValue | undefined;
  /** 0 is no limit. */
  readonly timeoutMs: number;
  /** How long a run may go on after it was asked to end. */
  readonly graceMs: number;
  /** Aborted to cancel the run; its reason becomes the outcome's reason when it is text. */
  readonly cancel: AbortSignal;
  /** How much of the output is kept, half of it from the beginning and half from the end. */
  readonly outputLimitBytes: number;
  /** Called with the output as it comes, as the process wrote it: see `harmless` before showing it on a terminal. */
  readonly onOutput?: (text: string) => void;
  /** Asks the database whether the run is still this runner's. False where that cannot be known. */
  readonly stillMine: () => Promise<boolean>;
  /** Handed to shipped modules only. */
  readonly services: ShippedServices;
};

/** What a run is told about itself. */
export type RunFacts = {
  readonly runId: string;
  readonly task: { readonly id: number; readonly name: string };
  readonly node: string;
  readonly slotAt: Instant | null;
  readonly attempt: number;
  readonly epoch: number;
};

export type ExecutionResult = {
  readonly outcome: Outcome;
  readonly output: CapturedOutput;
  /** What the module wants to keep; present only when it set something and did not fail. */
  readonly state?: JsonValue;
};

export type CapturedOutput = {
  readonly text: string;
  /** How much was written, not how much is kept. */
  readonly bytes: number;
  /** True when the middle was left out. */
  readonly cut: boolean;
};
