import type { DatabaseLocation } from '../../config/config.ts';
import { localTimezone } from '../../config/local-zone.ts';
import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError } from '../../core/errors.ts';
import { type Instant, SECOND_MS } from '../../core/instants.ts';
import { once } from '../../core/once.ts';
import { ALL_NODES, runsOn, type TaskRecord } from '../../core/task.ts';
import { checkTask } from '../../core/task-schema.ts';
import { type CheckedWholly, checkWholly } from '../../runner/definition.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { type RecordedResources, recordedResources } from '../../runner/recorded-states.ts';
import { listTasks, type StoredTask } from '../../store/definitions.ts';
import { newestRunOf } from '../../store/history.ts';
import { createdAs, knownTaskNames, lastTaskId, listAudit } from '../../store/known-tasks.ts';
import { listNodes, listTickInstants } from '../../store/nodes.ts';
import { type KnownTask, type PastTask, taskAt } from '../../store/past-definition.ts';
import type { Run } from '../../store/run-row.ts';
import type { Context } from '../context.ts';
import { rhythmOf } from '../rhythm.ts';
import type { Session } from '../session.ts';
import { type TickCounts, tickCounts } from '../tick-wait.ts';

/** What is asked: a task, an instant, and whether only one node matters. */
export type Question = {
  readonly name: string;
  readonly at: Instant;
  readonly now: Instant;
  readonly isNow: boolean;
  /** Only the state of this node. */
  readonly node: string | undefined;
};

/** A task as it was at the instant that is asked about. */
export type Subject = Question & {
  readonly database: DatabaseLocation;
  readonly maxRunning: number;
  readonly known: KnownTask;
  readonly stored: StoredTask | undefined;
  readonly record: TaskRecord;
  readonly checked: CheckedWholly;
  /** The nodes that it was listed for. */
  readonly nodes: readonly string[];
  /** As which node the command acts. */
  readonly here: string;
  /** False only when one node is asked for that a shared state does not concern. */
  readonly isListedHere: boolean;
  /** The keys of the states to tell of. */
  readonly scopeKeys: readonly string[];
  /** Nodes that are known by their ticks, and this one. */
  readonly knownNodes: readonly string[];
  /** What is recorded of the resources now; read only where something waits for one. */
  readonly resources: () => Promise<RecordedResources>;
  readonly zoneOfKey: (scopeKey: string) => string;
  readonly ticks: TickCounts;
  /** How often this node ticks; undefined where nobody knows. */
  readonly rhythmSeconds: number | undefined;
  /** How often the node of a state ticks, by more than the one gap that is looked at; undefined where nobody knows. */
  readonly rhythmSecondsOfKey: (scopeKey: string) => number | undefined;
};

export type FoundSubject =
  | { readonly kind: 'there'; readonly subject: Subject }
  | {
      readonly kind: 'not-there';
      readonly past: Exclude<PastTask, { kind: 'there' }>;
      /** The newest that the ledger has of it. */
      readonly lastRun: Run | undefined;
    };

/**
 * Finds a task as it was at an instant, removed ones included.
 *
 * @throws NotFoundError when neither the definitions nor the ledger know the name
 */
export async function findSubject(
  context: Context,
  session: Session,
  question: Question,
): Promise<FoundSubject> {
  const { database } = session.store;
  const { name, at } = question;
  const id = await lastTaskId(database, name);
  if (id === undefined) {
    throw await unknownTask(database, name);
  }
  const newest = await lookUp(database, question, id);
  // One-shots come again under their names: another task may have had it then.
  const before = newest.past.kind === 'not-yet' ? await createdAs(database, name, at) : undefined;
  const { known, stored, past } = before === undefined ? newest : await lookUp(database, question, before);
  if (past.kind !== 'there') {
    return { kind: 'not-there', past, lastRun: await newestRunOf(database, known.id) };
  }
  const found = { question, known, stored, record: past.record };
  return { kind: 'there', subject: await subjectOf(context, session, found) };
}

async function lookUp(database: DatabaseLocation, question: Question, id: number) {
  const [named] = await listTasks(database, [question.name]);
  const stored = named?.record.id === id ? named : undefined;
  const known: KnownTask = { id, audit: await listAudit(database, id), current: stored?.record };
  return { known, stored, past: pastOf(known, question) };
}

/** The present needs no history. */
function pastOf(known: KnownTask, { at, isNow }: Question): PastTask {
  return isNow && known.current !== undefined ? { kind: 'there', record: known.current } : taskAt(known, at);
}

async function unknownTask(database: DatabaseLocation, name: string): Promise<NotFoundError> {
  const hint = didYouMean(name, await knownTaskNames(database));
  return new NotFoundError(
    `there is no task ${JSON.stringify(name)}, and the ledger remembers none of that name${hint}`,
  );
}

type Found = {
  readonly question: Question;
  readonly known: KnownTask;
  readonly stored: StoredTask | undefined;
  readonly record: TaskRecord;
};

async function subjectOf(
  context: Context,
  session: Session,
  { question, known, stored, record }: Found,
): Promise<Subject> {
  const { config, store } = session;
  const { fields } = record;
  const nodes = Array.isArray(fields.nodes) ? fields.nodes.map(String) : [];
  const registered = await listNodes(store.driver);
  const zones = new Map(registered.map(({ name, timezone }) => [name, timezone]));
  const rhythmMs = await rhythmOf(session, config.node);
  const local = localTimezone(context.io.env);
  const scopeKeys =
    fields.scope === 'one'
      ? [ALL_NODES]
      : keysOf(question, { nodes, known: [...zones.keys()], here: config.node });
  return {
    ...question,
    database: store.database,
    maxRunning: config.maxRunning,
    known,
    stored,
    record,
    // Whether a module was at fault in the past, the ledger knows better than the module of today.
    checked: question.isNow
      ? await checkWholly(record, await openRegistry(config, context.io.cwd))
      : checkedColumns(record),
    nodes,
    here: config.node,
    isListedHere: question.node === undefined || runsOn(nodes, question.node),
    scopeKeys,
    knownNodes: [...new Set([config.node, ...zones.keys()])],
    resources: once(() => recordedResources(store.driver)),
    zoneOfKey: (scopeKey) => zones.get(scopeKey) ?? local,
    ticks: await tickCounts(store.driver, {
      known: registered,
      here: config.node,
      rhythms: new Map([[config.node, rhythmMs]]),
    }),
    rhythmSeconds: rhythmMs === undefined ? undefined : rhythmMs / SECOND_MS,
    rhythmSecondsOfKey: await provenRhythms(session, scopeKeys),
  };
}

/** Fewer ticks than these show no rhythm, unless the configuration promises one. */
const LEAST_TICKS = 5;

async function provenRhythms(
  session: Session,
  scopeKeys: readonly string[],
): Promise<Subject['rhythmSecondsOfKey']> {
  const { config, store } = session;
  const rhythms = new Map<string, number>();
  for (const key of scopeKeys) {
    const node = key === ALL_NODES ? config.node : key;
    const ticks = await listTickInstants(store.driver, node, LEAST_TICKS);
    const rhythmMs = await rhythmOf(session, node);
    if (rhythmMs !== undefined && (config.tickEverySeconds !== undefined || ticks.length >= LEAST_TICKS)) {
      rhythms.set(key, rhythmMs / SECOND_MS);
    }
  }
  return (scopeKey) => rhythms.get(scopeKey);
}

function checkedColumns(record: TaskRecord): CheckedWholly {
  const checked = checkTask(record);
  return checked.kind === 'valid' ? { kind: 'checked', task: checked.task, faults: [] } : checked;
}

type Nodes = { readonly nodes: readonly string[]; readonly known: readonly string[]; readonly here: string };

/** Whoever asks on a node wants to know of that node too, even if the task is not its own. */
function keysOf({ node }: Question, { nodes, known, here }: Nodes): readonly string[] {
  if (node !== undefined) {
    return [here];
  }
  const named = nodes.filter((name) => name !== ALL_NODES);
  const all = nodes.includes(ALL_NODES) ? known : [];
  return [...new Set([...named, ...all, here])].sort();
}
