import { floorToMinute, fromText, type Instant } from '../core/instants.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { ALL_NODES, type TaskRecord } from '../core/task.ts';
import { ADDED_FOR_HANDS, ADDED_FOR_WORLD, ADDED_TO_TASK } from './added-columns.ts';
import { taskRecordOf } from './definition-row.ts';
import type { Row } from './driver.ts';
import type { AuditEntry } from './known-tasks.ts';

/** What is known of a task: its recorded changes, oldest first, and its row unless it was removed. */
export type KnownTask = {
  readonly id: number;
  readonly audit: readonly AuditEntry[];
  readonly current: TaskRecord | undefined;
};

/** A task as it was at some instant. */
export type PastTask =
  | { readonly kind: 'there'; readonly record: TaskRecord }
  /** `created` is missing when the record of it was deleted with old history. */
  | { readonly kind: 'not-yet'; readonly createdAt: Instant; readonly created: AuditEntry | undefined }
  | { readonly kind: 'removed'; readonly removed: AuditEntry }
  /** It was removed, and its changes were deleted with old history. */
  | { readonly kind: 'forgotten' };

const DEFINITION_ACTIONS = ['created', 'changed', 'enabled', 'disabled', 'removed'];

/** The definition of a task at an instant, with its nodes; tags are left out. */
export function taskAt(known: KnownTask, at: Instant): PastTask {
  const { audit, current } = known;
  const changes = audit.filter(({ action }) => DEFINITION_ACTIONS.includes(action));
  const before = changes.findLast(({ changedAt }) => changedAt <= at);
  if (before?.action === 'removed') {
    return { kind: 'removed', removed: before };
  }
  const after = changes.find(({ changedAt }) => changedAt > at);
  if (before === undefined && after?.action === 'created') {
    return { kind: 'not-yet', createdAt: after.changedAt, created: after };
  }
  const columns = before?.after ?? after?.before;
  if (isJsonObject(columns)) {
    return { kind: 'there', record: recordOf(known, columns, at) };
  }
  if (current === undefined) {
    return { kind: 'forgotten' };
  }
  return current.createdAt > at
    ? { kind: 'not-yet', createdAt: current.createdAt, created: undefined }
    : { kind: 'there', record: current };
}

function recordOf(known: KnownTask, columns: JsonObject, at: Instant): TaskRecord {
  const nodes = known.current === undefined ? nodesForward(known.audit, at) : nodesBackward(known, at);
  // Records of older schemas do not name what was added since.
  const record = taskRecordOf(
    { ...ADDED_TO_TASK, ...ADDED_FOR_HANDS, ...ADDED_FOR_WORLD, ...(columns as Row), id: known.id },
    { nodes, tags: [] },
  );
  return { ...record, createdAt: known.current?.createdAt ?? 0, updatedAt: known.current?.updatedAt ?? 0 };
}

/** From the nodes of today: what came after the instant is taken back. Old history may be gone. */
function nodesBackward({ audit, current }: KnownTask, at: Instant): readonly string[] {
  const today = current?.fields.nodes;
  const nodes = new Set(Array.isArray(today) ? today.map(String) : []);
  for (const entry of audit.filter(({ changedAt }) => changedAt > at).toReversed()) {
    const added = nodeOf(entry.after);
    const removed = nodeOf(entry.before);
    if (entry.action === 'node added' && added !== undefined) {
      nodes.delete(added);
    } else if (entry.action === 'node removed' && removed !== undefined) {
      nodes.add(removed);
    }
  }
  return [...nodes];
}

function nodesForward(audit: readonly AuditEntry[], at: Instant): readonly string[] {
  const nodes = new Set<string>();
  for (const { action, before, after } of audit.filter(({ changedAt }) => changedAt <= at)) {
    const added = nodeOf(after);
    const removed = nodeOf(before);
    if (action === 'node added' && added !== undefined) {
      nodes.add(added);
    } else if (action === 'node removed' && removed !== undefined) {
      nodes.delete(removed);
    }
  }
  return [...nodes];
}

function nodeOf(part: unknown): string | undefined {
  return isJsonObject(part) && typeof part['node'] === 'string' ? part['node'] : undefined;
}

/** The change by which the task was inactive at the instant, if it is recorded. */
export function deactivation(audit: readonly AuditEntry[], at: Instant): AuditEntry | undefined {
  return audit.findLast(
    ({ action, changedAt }) => changedAt <= at && (action === 'disabled' || action === 'created'),
  );
}

/** The change by which the task no longer belonged to the node at the instant, if it is recorded. */
export function removalOfNode(
  audit: readonly AuditEntry[],
  node: string,
  at: Instant,
): AuditEntry | undefined {
  return audit.findLast(
    ({ action, changedAt, before }) =>
      changedAt <= at && action === 'node removed' && [node, ALL_NODES].includes(nodeOf(before) ?? ''),
  );
}

/** Since when the slots of a state count, or from when, after a delay; and the change that made it so. */
export type CountingStart = { readonly countedFrom: Instant; readonly change: AuditEntry };

/** The last change up to the instant that let the state count anew, if one is recorded. */
export function countingStart(
  audit: readonly AuditEntry[],
  scopeKey: string,
  at: Instant,
): CountingStart | undefined {
  const changes = audit.filter((entry) => entry.changedAt <= at && countsAnew(entry, scopeKey));
  const last = changes.at(-1);
  if (last === undefined) {
    return undefined;
  }
  const minute = floorToMinute(last.changedAt);
  const ofMinute = changes.filter(({ changedAt }) => floorToMinute(changedAt) === minute);
  // Adding a task adds its nodes: the first change of that minute says more, and they take over what the task has.
  const [change = last] = ofMinute;
  const decisive = ofMinute.findLast(({ action }) => action !== 'node added') ?? last;
  return { countedFrom: minute + delayMsOf(decisive), change };
}

/** How much later than its minute a change lets the slots count: the delay of a task that is new, or on again. */
function delayMsOf({ action, after }: AuditEntry): number {
  const column = DELAY_COLUMNS.get(action);
  const seconds = column !== undefined && isJsonObject(after) ? after[column] : undefined;
  return typeof seconds === 'number' && seconds > 0 ? Math.trunc(seconds) * 1_000 : 0;
}

const DELAY_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['created', 'first_delay_s'],
  ['enabled', 'enabled_delay_s'],
]);

const COUNTING_COLUMNS = ['schedule_kind', 'schedule', 'timezone', 'anchor', 'scope', 'confirmation'];

function countsAnew({ action, before, after }: AuditEntry, scopeKey: string): boolean {
  switch (action) {
    case 'created':
    case 'enabled':
      return true;
    case 'changed':
      return (
        isJsonObject(before) &&
        isJsonObject(after) &&
        COUNTING_COLUMNS.some((column) => before[column] !== after[column])
      );
    case 'node added':
      return [scopeKey, ALL_NODES].includes(nodeOf(after) ?? '');
    case 'reset':
      return Array.isArray(after) && after.some((state) => isStateOfKey(state, scopeKey));
    default:
      return false;
  }
}

/** What a reset took back from a state. */
export type PastReset = {
  readonly change: AuditEntry;
  readonly handledSlot: Instant | null;
  readonly terminatedAt: Instant | null;
  readonly terminatedReason: string | null;
};

/** The recorded resets of a state after the instant, oldest first. */
export function resetsAfter(
  audit: readonly AuditEntry[],
  scopeKey: string,
  at: Instant,
): readonly PastReset[] {
  return audit
    .filter(({ action, changedAt }) => action === 'reset' && changedAt > at)
    .flatMap((change) => {
      const states: readonly unknown[] = Array.isArray(change.before) ? change.before : [];
      return states
        .filter(isJsonObject)
        .filter((state) => isStateOfKey(state, scopeKey))
        .map((state) => ({
          change,
          handledSlot: instantIn(state, 'handledSlot'),
          terminatedAt: instantIn(state, 'terminatedAt'),
          terminatedReason: typeof state['terminatedReason'] === 'string' ? state['terminatedReason'] : null,
        }));
    });
}

function isStateOfKey(state: unknown, scopeKey: string): boolean {
  return isJsonObject(state) && state['scopeKey'] === scopeKey;
}

function instantIn(state: JsonObject, field: string): Instant | null {
  const text = state[field];
  return typeof text === 'string' ? (fromText(text) ?? null) : null;
}
