import type { Command } from 'commander';
import { NotFoundError } from '../../core/errors.ts';
import { rerunSlot } from '../../runner/rerun.ts';
import type { Runner } from '../../runner/runner.ts';
import { findRunById } from '../../store/history.ts';
import type { Run } from '../../store/run-row.ts';
import { loadCandidate } from '../../store/tick-statements.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { type EndSignals, withEndSignals } from '../end-signals.ts';
import { type HandFlags, interruptedBy, openHands } from '../manual/hands.ts';
import { readOverrides, type TaskToRun } from '../manual/overrides.ts';
import { exitCodeOfEnds, tellEnds } from '../manual/tell-ends.ts';
import { type Session, withSession } from '../session.ts';
import { countValue } from '../values.ts';

type RerunFlags = HandFlags & { readonly option?: readonly string[] };

export function define(command: Command, actionOf: ActionOf): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command
    .description(
      'Run the slot of a run once more, now and by hand: a new attempt of that slot, by the definition of today. It moves no slot and no counter, and is never retried.',
    )
    .argument('<run>', 'number of the run, as history prints it')
    .option('-o, --option <KEY=VALUE>', 'an option of the module for this run, repeatable', collect)
    .option('--confirm', 'confirm a task that asks for a confirmation (for scripts)')
    .option('-n, --node <NAME>', 'act as this node')
    .addHelpText(
      'after',
      `
The task sees the slot (PERIODIC_CRON_SLOT, context.slotAt) as it did then. A skipped slot may be run so as well. If an
attempt of the very slot is pending, the rerun takes its place; otherwise what is to come stays as it is. The exit
status is that of run_manually.

Examples:
  periodic-cron history backup --status failed
  periodic-cron rerun 4711
  periodic-cron rerun 4711 -o target=/mnt/spare`,
    )
    .action(actionOf(rerun));
}

function rerun(context: Context, word: string, flags: RerunFlags): Promise<number> {
  const id = countValue('rerun', word, { min: 1, max: Number.MAX_SAFE_INTEGER });
  return withEndSignals((signals) =>
    withSession(context, { node: flags.node }, async (session) => {
      const found = await findRunById(session.store.database, id);
      if (found === undefined) {
        throw new NotFoundError(`there is no run ${id}: "periodic-cron history" lists those that there are`);
      }
      return rerunFound(context, session, { signals, flags, run: found.run });
    }),
  );
}

type Found = { readonly signals: EndSignals; readonly flags: RerunFlags; readonly run: Run };

async function rerunFound(
  context: Context,
  session: Session,
  { signals, flags, run }: Found,
): Promise<number> {
  const { runner, confirm } = await openHands(context, session, { signals, flags });
  const tasks = await taskOf(runner, run, flags.option ?? []);
  const overrides = tasks[0]?.overrides ?? {};
  try {
    const ended = await rerunSlot(runner, { run, overrides, confirm });
    const ends = [{ kind: 'ended', run: ended }] as const;
    tellEnds(context.output, tasks, ends);
    return signals.exitCode() ?? exitCodeOfEnds(tasks, ends);
  } catch (error) {
    return interruptedBy(signals, context.output, error);
  }
}

/** The task with the options of this run; none where it is gone, which the rerun itself refuses. */
async function taskOf(runner: Runner, run: Run, words: readonly string[]): Promise<readonly TaskToRun[]> {
  const { taskId, scopeKey } = run;
  const candidate = await loadCandidate(runner.driver, { taskId, scopeKey, ordering: 0 });
  const records = candidate === undefined ? [] : [candidate.record];
  return readOverrides('rerun', records, { words, registry: runner.registry });
}
