import type { Instant } from './instants.ts';
import type { JsonObject } from './json.ts';
import type { ScheduleKind } from './schedule/schedule.ts';

/** Whose state a task keeps: one for each listed node, or one for all of them together. */
export const SCOPES = ['each', 'one'] as const;
export type Scope = (typeof SCOPES)[number];

/** What happens to a due slot while a run of the same state is alive. */
export const OVERLAPS = ['forbid', 'skip', 'allow'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** The ends of a run that a retry policy may name. */
export const RETRY_CAUSES = ['failed', 'timed_out', 'lost', 'shutdown'] as const;
export type RetryCause = (typeof RETRY_CAUSES)[number];

/** From what the slots of a period are counted: from each other, from the start of a run, or from its end. */
export const ANCHORS = ['slot', 'start', 'finish'] as const;
export type Anchor = (typeof ANCHORS)[number];

/** What happens to the slots that were missed: folded into the newest, run one after the other, or skipped. */
export const CATCH_UPS = ['latest', 'each', 'skip'] as const;
export type CatchUp = (typeof CATCH_UPS)[number];

/** When a period grows: never, with each failure until a success, or with every slot that is taken. */
export const BACKOFFS = ['none', 'on_failure', 'every_run'] as const;
export type Backoff = (typeof BACKOFFS)[number];

/** What happens to a due slot while the task is offline: it runs all the same, is skipped, or rests until it is online. */
export const OFFLINE_POLICIES = ['execute', 'skip', 'disable'] as const;
export type OfflinePolicy = (typeof OFFLINE_POLICIES)[number];

/** The key of the state that all nodes of a task of scope `one` share, and the node name that means "every node". */
export const ALL_NODES = '*';

/** What an operator defines: the columns of a task that may be written, in the form in which they are valid. */
export type TaskDefinition = {
  readonly name: string;
  readonly active: boolean;
  readonly module: string;
  readonly options: JsonObject;
  readonly scheduleKind: ScheduleKind;
  readonly schedule: string;
  /** IANA name, or empty for the zone of the node that ticks. */
  readonly timezone: string;
  readonly scope: Scope;
  readonly ordering: number;
  readonly anchor: Anchor;
  readonly runImmediately: boolean;
  readonly firstDelaySeconds: number | null;
  readonly enabledDelaySeconds: number | null;
  readonly randomOffsetSeconds: number;
  readonly catchUp: CatchUp;
  readonly catchUpMax: number;
  readonly startDeadlineSeconds: number | null;
  /** Null takes the configured default; 0 is no limit. */
  readonly timeoutSeconds: number | null;
  readonly killGraceSeconds: number;
  readonly retryLimit: number;
  readonly retryDelaySeconds: number;
  readonly retryMaxDelaySeconds: number;
  readonly retryOn: readonly RetryCause[];
  readonly retryPastNext: boolean;
  readonly backoff: Backoff;
  readonly maxPeriodSeconds: number | null;
  /** Such as `5 failures and 7 days`, see `parseDeactivateAfter`; empty is never. */
  readonly deactivateAfter: string;
  readonly overlap: Overlap;
  readonly maxParallel: number;
  /** It is started by hand only, by somebody who confirms it. */
  readonly confirmation: boolean;
  /** The user, by name or number, as whom the child process of a foreign module runs; null is the runner's own. */
  readonly runUser: string | null;
  /** How much memory the child process of a foreign module may take; null is no limit. */
  readonly memoryLimitBytes: number | null;
  /** Conditions in the notation of `parseRequires`; empty asks for nothing. */
  readonly requires: string;
  /** The resource without which the task counts as offline. */
  readonly offlineResource: string | null;
  readonly offline: OfflinePolicy;
  /** The task is removed when it is done with its only slot; the ledger stays. */
  readonly removeWhenDone: boolean;
  /** What made the task, such as `modules:/path/of/a/file.ts` or `task:NAME`; null for one that an operator made. */
  readonly owner: string | null;
  /** Its owner does not make it any more. */
  readonly gone: boolean;
  readonly nodes: readonly string[];
  readonly tags: readonly string[];
};

/** A definition that was found valid, with its identity. */
export type Task = TaskDefinition & { readonly id: number };

/**
 * A definition as a row holds it. Plain SQL may have written anything into it, so its words are unchecked; see
 * `checkTask` for the step from here to {@link Task}.
 */
export type TaskRecord = {
  readonly id: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly fields: Readonly<Record<keyof TaskDefinition, unknown>>;
};

/** The task of a record that was checked after its last change: whoever calls this knows that it was. */
export function checkedBefore(record: TaskRecord): Task {
  return { ...(record.fields as TaskDefinition), id: record.id };
}

/** The name of a record for messages, whatever is in its row. */
export function nameOf(record: TaskRecord): string {
  return String(record.fields.name);
}

/** True when the record's nodes include the node, by name or by `*`. */
export function runsOn(nodes: readonly string[], node: string): boolean {
  return nodes.includes(node) || nodes.includes(ALL_NODES);
}
