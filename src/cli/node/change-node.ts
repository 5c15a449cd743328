import { UsageError } from '../../core/errors.ts';
import { type Instant, toShortText } from '../../core/instants.ts';
import { nameOf } from '../../core/task.ts';
import { goneAt } from '../../runner/node-identity.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { listTasks, type StoredTask } from '../../store/definitions.ts';
import type { Statements } from '../../store/driver.ts';
import {
  drainNode as drain,
  forgetNode as forget,
  liveRunsOf,
  type NodeRecord,
  resumeNode as resume,
} from '../../store/node-admin.ts';
import type { Run } from '../../store/run-row.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { accountText, type SlotAccount, slotAccounts } from '../slot-account.ts';
import { viewTasks } from '../task-view.ts';
import { printable } from '../terminal.ts';
import { drainText } from './hold-text.ts';
import { listStandings, nodeJson, standingOf } from './standing.ts';
import { taskNames, tasksOfNode } from './tasks-of-node.ts';

/**
 * Lets a node start nothing new, and says what that means for its tasks.
 *
 * @throws NotFoundError for an unknown one
 */
export function drainNode(
  context: Context,
  name: string,
  { reason }: { readonly reason?: string },
): Promise<number> {
  return withSession(context, {}, async (session) => {
    const { store, clock } = session;
    const at = clock();
    const change = { at, actor: actorName(context.io.uid), reason: reason?.trim() };
    const { changed, node } = await drain(store.driver, name, change);
    const standings = await listStandings(store.driver, at);
    const { own, shared } = tasksOfNode(await listTasks(store.database), node.name, standings);
    const stuck = shared.filter(({ takers }) => takers.length === 0).map(({ task }) => task);
    const moving = shared.filter(({ takers }) => takers.length > 0).map(({ task }) => task);
    const due = await dueNow(context, session, { node: node.name, tasks: [...own, ...stuck] });
    const liveRuns = await liveRunsOf(store.driver, node.name);
    const { output } = context;
    if (output.isJson) {
      output.document({
        ...nodeJson(await standingOf(store.driver, node, at)),
        changed,
        stayingTasks: own.map(nameOfTask),
        stuckTasks: stuck.map(nameOfTask),
        movingTasks: moving.map(nameOfTask),
        dueTasks: due.map(nameOfTask),
        liveRuns: liveRuns.map(runJson),
      });
      return EXIT.ok;
    }
    const since = node.drained === null ? '' : ` ${drainText(node.drained)}`;
    const done = changed ? 'drained' : 'is drained already:';
    tellAll(context, [
      changed ? `${done} node ${quoted(node)}${since}` : `node ${quoted(node)} ${done}${since}`,
      sentence('waiting for it, since they run on each of their nodes', own),
      sentence('waiting for it, since no other node can take them now', stuck),
      sentence('moving to other nodes', moving),
      sentence('due now, and staying due', due),
      liveRuns.length === 0 ? '' : `still running: ${liveRuns.map(runText).join(', ')}`,
    ]);
    return EXIT.ok;
  });
}

/**
 * Lets a node start tasks again, and says what its next tick does with the slots that are due.
 *
 * @throws NotFoundError for an unknown one
 */
export function resumeNode(context: Context, name: string): Promise<number> {
  return withSession(context, {}, async (session) => {
    const { store, clock } = session;
    const at = clock();
    const { changed, node } = await resume(store.driver, name, { at, actor: actorName(context.io.uid) });
    const standings = await listStandings(store.driver, at);
    const { own, shared } = tasksOfNode(await listTasks(store.database), node.name, standings);
    const due = await dueNow(context, session, {
      node: node.name,
      tasks: [...own, ...shared.map(({ task }) => task)],
    });
    const accounts = await accountsOf(context, session, { node: node.name, due, at });
    if (context.output.isJson) {
      context.output.document({
        ...nodeJson(await standingOf(store.driver, node, at)),
        changed,
        slots: accounts,
      });
      return EXIT.ok;
    }
    tellAll(context, [
      changed ? `resumed node ${quoted(node)}` : `node ${quoted(node)} is not drained: nothing to do`,
      ...accounts.map((account) => `due  ${JSON.stringify(account.task)}  ${accountText(account)}`),
    ]);
    return EXIT.ok;
  });
}

/**
 * Removes a node that ticks no more.
 *
 * @throws NotFoundError for an unknown one, UsageError for one that still ticks or has live runs
 */
export function forgetNode(context: Context, name: string): Promise<number> {
  return withSession(context, {}, async ({ store, clock }) => {
    const at = clock();
    const { node, listedBy, states } = await forget(store.driver, name, {
      at,
      actor: actorName(context.io.uid),
      refuse: (statements, found, liveRuns) => refuseForget(statements, { node: found, liveRuns, at }),
    });
    if (context.output.isJson) {
      context.output.document({ name: node.name, forgotten: true, states, listedBy });
      return EXIT.ok;
    }
    const listing = listedBy.map((task) => JSON.stringify(task)).join(', ');
    tellAll(context, [
      `forgot node ${quoted(node)}; its runs and ticks stay readable`,
      listing === ''
        ? ''
        : `still listing it: ${listing} ("periodic-cron set" names other nodes; as long as they list it, they wait for it)`,
    ]);
    return EXIT.ok;
  });
}

async function refuseForget(
  statements: Pick<Statements, 'all'>,
  {
    node,
    liveRuns,
    at,
  }: { readonly node: NodeRecord; readonly liveRuns: readonly Run[]; readonly at: Instant },
): Promise<void> {
  if (liveRuns.length > 0) {
    throw new UsageError(
      `node forget: expected a node without live runs, but ${quoted(node)} has ${liveRuns.map(runText).join(', ')}: drain it and wait for them; if its machine is gone, "periodic-cron reset" of their tasks gives them up`,
    );
  }
  const gone = await goneAt(statements, node);
  if (gone !== null && gone > at) {
    throw new UsageError(
      `node forget: expected a node that ticks no more, but ${quoted(node)} ticked at ${toShortText(node.lastTickAt ?? 0)}: drain it, take run_scheduled out of its crontab, and forget it after ${toShortText(gone)}`,
    );
  }
}

type NodeTasks = { readonly node: string; readonly tasks: readonly StoredTask[] };

/** Which of the tasks a tick of the node would find due now, were it not for any hold. */
async function dueNow(
  context: Context,
  session: Session,
  { node, tasks }: NodeTasks,
): Promise<readonly StoredTask[]> {
  const registry = await openRegistry(session.config, context.io.cwd);
  const views = await viewTasks(context, session, tasks, { registry: registry.readOnly(), node });
  const due = new Set(
    views.filter(({ states }) => states.some(({ isDue }) => isDue)).map(({ record }) => record.id),
  );
  return tasks.filter(({ record }) => due.has(record.id));
}

/** What the next tick of the node does with the slots of the tasks that are due. */
function accountsOf(
  context: Context,
  session: Session,
  { node, due, at }: { readonly node: string; readonly due: readonly StoredTask[]; readonly at: Instant },
): Promise<readonly SlotAccount[]> {
  const notRun = due.map((task) => ({
    task: nameOfTask(task),
    reason: '',
    nextSlotAt: null,
    newFault: false,
  }));
  const asNode = { ...session, config: { ...session.config, node } };
  return slotAccounts(context, asNode, { report: { runs: [], notRun }, at });
}

function nameOfTask({ record }: StoredTask): string {
  return nameOf(record);
}

function sentence(what: string, tasks: readonly StoredTask[]): string {
  return tasks.length === 0 ? '' : `${what}: ${taskNames(tasks)}`;
}

function runText({ id, taskName }: Run): string {
  return `run ${id} of task ${JSON.stringify(taskName)}`;
}

function runJson({ id, taskName, startedAt }: Run) {
  return { id, task: taskName, startedAt: startedAt === null ? null : toShortText(startedAt) };
}

function quoted({ name }: NodeRecord): string {
  return JSON.stringify(name);
}

function tellAll({ output }: Context, lines: readonly string[]): void {
  for (const line of lines.filter((text) => text !== '')) {
    output.line(printable(line));
  }
}
