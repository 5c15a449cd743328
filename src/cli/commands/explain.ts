import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { type Instant, toShortText } from '../../core/instants.ts';
import { ALL_NODES } from '../../core/task.ts';
import type { TickRow } from '../../store/health.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type Explanation, explainTask, type StateExplanation } from '../explain/explain-task.ts';
import type { Question } from '../explain/subject.ts';
import type { Output } from '../output.ts';
import { runJson } from '../run-view.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { pastValue } from '../time-flags.ts';
import { instantText } from '../times.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Say why a task did or did not run: for its newest slot, or for the newest at an instant.')
    .argument('<task>', 'name of the task; the ledger remembers removed ones too')
    .option('--at <T>', 'at this instant, or so long ago, such as 2h; now if not given')
    .option('-n, --node <NAME>', 'only on this node')
    .addHelpText(
      'after',
      `
Examples:
  periodic-cron explain backup
  periodic-cron explain backup --at 2026-11-20T02:30+01:00
  periodic-cron explain backup --at 12h --json`,
    )
    .action(actionOf(explain));
}

type Flags = { readonly at?: string; readonly node?: string };

function explain(context: Context, task: string, { at, node }: Flags): Promise<number> {
  return withSession(context, { node, readOnly: true }, async (session) => {
    const now = session.clock();
    const question = {
      name: task,
      at: at === undefined ? now : instantOfPast(at, now),
      now,
      isNow: at === undefined,
      node: node === undefined ? undefined : session.config.node,
    };
    const explanation = await explainTask(context, session, question);
    if (context.output.isJson) {
      context.output.document(toJson(question, explanation));
    } else {
      print(context.output, question, explanation);
    }
    return EXIT.ok;
  });
}

function instantOfPast(text: string, now: Instant): Instant {
  const at = pastValue('--at', text, now);
  if (at > now) {
    throw new UsageError(
      `--at: expected an instant that has passed, got ${JSON.stringify(text)} ("periodic-cron next" tells what comes)`,
    );
  }
  return at;
}

function print(output: Output, { name, at, isNow }: Question, explanation: Explanation): void {
  output.line(printable(`task ${JSON.stringify(name)} ${isNow ? 'now, ' : ''}at ${instantText(at)}`));
  if (explanation.kind === 'no-task') {
    output.line(`  ${printable(explanation.sentence)}`);
    return;
  }
  for (const { facts, sentences } of explanation.states) {
    output.line('');
    output.line(printable(titleOf(facts.scopeKey)));
    for (const sentence of sentences) {
      output.line(`  ${printable(sentence)}`);
    }
  }
}

function titleOf(scopeKey: string): string {
  return scopeKey === ALL_NODES ? 'For all its nodes together:' : `On node ${JSON.stringify(scopeKey)}:`;
}

function toJson({ name, at }: Question, explanation: Explanation) {
  return {
    task: name,
    at: toShortText(at),
    remark: explanation.kind === 'no-task' ? explanation.sentence : null,
    states: explanation.kind === 'no-task' ? [] : explanation.states.map(stateJson),
  };
}

function stateJson({ facts, verdict, sentences }: StateExplanation) {
  const { scopeKey, slot, nextSlot, countedFrom, attempts, ticks } = facts;
  return {
    scopeKey,
    verdict: verdict.kind,
    slot: textOrNull(slot),
    nextSlot: textOrNull(nextSlot),
    countedFrom: toShortText(countedFrom),
    runs: verdict.kind === 'recorded' ? attempts.map(runJson) : [],
    tickBefore: tickText(ticks.before),
    tickAfter: tickText(ticks.after),
    sentences,
  };
}

function textOrNull(instant: Instant | undefined): string | null {
  return instant === undefined ? null : toShortText(instant);
}

function tickText(tick: TickRow | undefined): string | null {
  return textOrNull(tick?.tickAt);
}
