import type { Schedule } from '../../core/schedule/schedule.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { listTasks } from '../../store/definitions.ts';
import { recentTicks } from '../../store/health.ts';
import { listNodes } from '../../store/nodes.ts';
import { listResources } from '../../store/resources.ts';
import { listAliveRuns } from '../../store/task-runs.ts';
import type { Context } from '../context.ts';
import { runnerOf, type Session } from '../session.ts';
import { viewTasks } from '../task-view.ts';
import { checkSchema } from './check-database.ts';
import { checkDefinitions, checkMissingStates, checkModules, checkStates } from './check-definitions.ts';
import { checkResources } from './check-resources.ts';
import { checkRuns, checkSpool } from './check-runs.ts';
import { checkTicks, EXAMINED_TICKS } from './check-ticks.ts';
import type { Finding } from './finding.ts';
import type { World } from './world.ts';

export type Opened = { readonly context: Context; readonly session: Session; readonly world: World };

/**
 * Every check of what an open database holds. `promise` is when the crontabs tick this node of it.
 *
 * @throws DatabaseError when it cannot be read
 */
export async function checkContents(
  { context, session, world }: Opened,
  promise: Schedule | undefined,
): Promise<readonly Finding[]> {
  const { config, store, clock } = session;
  const runner = runnerOf(context, session, { cancel: NEVER, onEvent: () => undefined });
  const known = await listNodes(store.driver);
  const ticked = known.flatMap(({ name, lastTickAt }) => (lastTickAt === null ? [] : [name]));
  const nodes = new Set([config.node, ...ticked]);
  const registry = await openRegistry(config, context.io.cwd);
  const tasks = await listTasks(store.database);
  const views = await viewTasks(context, session, tasks, { registry });
  const liveRuns = await listAliveRuns(store.driver);
  return [
    checkSchema(store),
    ...checkModules(await registry.list()),
    ...checkDefinitions(views, nodes),
    ...checkResources(views, await listResources(store.driver)),
    ...checkMissingStates(tasks, new Set(ticked)),
    ...checkStates(views),
    ...checkRuns(liveRuns, runner.identity, clock()),
    ...checkSpool(runner.spool, config, world),
    ...checkTicks({
      config,
      promise,
      liveRuns,
      now: clock(),
      ticks: await recentTicks(store.database, config.node, EXAMINED_TICKS),
      lastTickAt: known.find(({ name }) => name === config.node)?.lastTickAt ?? null,
      isCronRunning: world.isCronRunning(),
    }),
  ];
}

const NEVER = new AbortController().signal;
