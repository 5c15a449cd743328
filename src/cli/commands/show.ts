import type { Command } from 'commander';
import type { Instant } from '../../core/instants.ts';
import { ALL_NODES } from '../../core/task.ts';
import { columnName } from '../../core/task-schema.ts';
import { openRegistry } from '../../runner/open-runner.ts';
import { findTask } from '../../store/definitions.ts';
import { backedOffText } from '../backed-off.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { clockText, fieldText, lastRunText, scheduleText, startText } from '../describe-task.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { defaultText, POLICY_FLAGS } from '../policy-flags.ts';
import { scheduleRemarks } from '../schedule-remarks.ts';
import { withSession } from '../session.ts';
import type { StateView } from '../state-view.ts';
import type { Column } from '../table.ts';
import { taskJson } from '../task-json.ts';
import { type TaskView, viewTask } from '../task-view.ts';
import { ticksText } from '../tick-wait.ts';
import { instantText } from '../times.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Show one task: its definition, its policies, and how it stands on each node.')
    .argument('<name>', 'name of the task')
    .action(actionOf(show));
}

function show(context: Context, name: string): Promise<number> {
  const { output } = context;
  return withSession(context, { readOnly: true }, async (session) => {
    const stored = await findTask(session.store.database, name);
    const registry = await openRegistry(session.config, context.io.cwd);
    const view = await viewTask(context, session, stored, registry);
    if (output.isJson) {
      output.document(taskJson(view));
    } else {
      printTask(output, view, session.clock());
    }
    return EXIT.ok;
  });
}

function printTask(output: Output, view: TaskView, now: Instant): void {
  output.fields([
    ...definitionFields(view),
    ...policyFields(view),
    ...view.faults.map(({ field, message }) => ['invalid', `${field}: ${message}`] as const),
    ...scheduleRemarks(view).map((remark) => ['remark', remark] as const),
    ['last run', lastRunFields(view, now)],
  ]);
  if (view.states.length > 0) {
    output.line('');
    output.table(stateColumns(now), view.states);
  }
}

type Field = readonly [label: string, value: string];

const PLAIN_FIELDS = ['scope', 'nodes', 'ordering', 'tags'] as const;

function definitionFields({ record }: TaskView): readonly Field[] {
  const { fields } = record;
  return [
    ['name', String(fields.name)],
    ['id', String(record.id)],
    ['active', fieldText('active', fields.active)],
    ['module', String(fields.module)],
    ['options', optionLines(fields.options)],
    ['schedule', scheduleText(record)],
    ...PLAIN_FIELDS.map((field) => [field, fieldText(field, fields[field])] as const),
    ...(typeof fields.owner === 'string' ? [['made by', ownerText(fields)] as const] : []),
    ['created', instantText(record.createdAt)],
    ['changed', instantText(record.updatedAt)],
  ];
}

function ownerText({ owner, gone, removeWhenDone }: TaskView['record']['fields']): string {
  return [
    String(owner),
    ...(removeWhenDone === true ? ['removed when it is done'] : []),
    ...(gone === true ? ['gone: its file does not declare it any more'] : []),
  ].join(', ');
}

function optionLines(options: unknown): string {
  if (typeof options !== 'object' || options === null) {
    return String(options);
  }
  const lines = Object.entries(options).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return lines.length === 0 ? 'none' : lines.join('\n');
}

/** Every policy, with its default where it is another. */
function policyFields({ record: { fields } }: TaskView): readonly Field[] {
  return POLICY_FLAGS.map(({ field }) => {
    const value = fields[field];
    const text = fieldText(field, value);
    const standard = defaultText(field);
    return [columnName(field), text === standard ? text : `${text} (default: ${standard})`];
  });
}

function lastRunFields({ lastRun }: TaskView, now: Instant): string {
  if (lastRun === undefined) {
    return 'none';
  }
  const message = lastRun.message === null ? '' : `: ${lastRun.message}`;
  return `${lastRunText(lastRun, now)} on node ${JSON.stringify(lastRun.node)} (run ${lastRun.id})${message}`;
}

function stateColumns(now: Instant): readonly Column<StateView>[] {
  const optional = (instant: Instant | null) => (instant === null ? '-' : instantText(instant));
  return [
    { title: 'NODE', value: ({ state }) => (state.scopeKey === ALL_NODES ? 'all' : state.scopeKey) },
    { title: 'NEXT RUN', value: (view) => nextText(view, now) },
    { title: 'HANDLED SLOT', value: ({ state }) => optional(state.handledSlot) },
    { title: 'COUNTED FROM', value: ({ state }) => optional(state.countedFrom) },
    { title: 'RETRY AT', value: ({ state }) => optional(state.retryAt) },
    { title: 'FAILURES', value: ({ state }) => String(state.failures), align: 'right' },
    {
      title: 'STANDING',
      value: standing,
      color: ({ marks, state }) => (marks.length > 0 || state.fault !== null ? 'yellow' : undefined),
    },
  ];
}

function nextText({ nextAt, tickWait }: StateView, now: Instant): string {
  if (nextAt !== null) {
    return startText(nextAt, now);
  }
  const about = (tickWait?.aboutAt ?? null) === null ? '' : ` (about ${clockText(tickWait?.aboutAt ?? 0)})`;
  return tickWait === null ? '-' : `${ticksText(tickWait)}${about}`;
}

function standing({ marks, state, blockage, backedOff }: StateView): string {
  const reason = state.terminatedReason ?? 'without a reason';
  const words = marks.map((mark) => {
    switch (mark) {
      case 'terminated':
        return `terminated: ${reason}`;
      case 'done':
        return reason;
      case 'blocked':
        return `blocked: ${blockage ?? 'for an unknown reason'}`;
      case 'offline':
        return `offline since ${instantText(state.offlineDisabledAt ?? 0)}`;
      case 'backed off':
        return backedOff === null ? mark : backedOffText(backedOff);
      default:
        return mark;
    }
  });
  return [...words, ...(state.fault === null ? [] : [`fault: ${state.fault}`])].join(', ') || 'waiting';
}
