import { formatDuration } from './durations.ts';
import type { Fault } from './errors.ts';
import { parseAt } from './schedule/at.ts';
import { parseEvery } from './schedule/every.ts';
import { saysNever } from './schedule/never.ts';
import type { ScheduleKind } from './schedule/schedule.ts';
import type { TaskDefinition } from './task.ts';

/** The kinds whose slots follow from a calendar or a period, so that there is a next one and one that was missed. */
const RECURRING: readonly ScheduleKind[] = ['cron', 'every', 'window'];

/** The kinds that read a clock on the wall, so that it matters where that hangs. */
export const ZONED_KINDS: readonly ScheduleKind[] = ['cron', 'window', 'at'];

/** A policy that not every schedule can follow: those that can, and whether the definition asks for it. */
type Rule = {
  readonly field: string;
  readonly kinds: readonly ScheduleKind[];
  /** With anchors start and finish there is one next slot, which waits: nothing of it can be missed. */
  readonly needsSlots?: boolean;
  /** It makes a slot of its own, which would run what its schedule says never to run. */
  readonly makesSlot?: boolean;
  readonly asked: (definition: TaskDefinition) => boolean;
};

const RULES: readonly Rule[] = [
  { field: 'anchor', kinds: ['every'], asked: ({ anchor }) => anchor !== 'slot' },
  {
    field: 'run_immediately',
    kinds: [...RECURRING, 'manual'],
    makesSlot: true,
    asked: ({ runImmediately }) => runImmediately,
  },
  {
    field: 'first_delay',
    kinds: RECURRING,
    makesSlot: true,
    asked: (task) => task.firstDelaySeconds !== null,
  },
  {
    field: 'enabled_delay',
    kinds: RECURRING,
    makesSlot: true,
    asked: (task) => task.enabledDelaySeconds !== null,
  },
  { field: 'random_offset', kinds: [...RECURRING, 'at'], asked: (task) => task.randomOffsetSeconds > 0 },
  { field: 'catch_up', kinds: RECURRING, needsSlots: true, asked: ({ catchUp }) => catchUp !== 'latest' },
  {
    field: 'start_deadline',
    kinds: [...RECURRING, 'at', 'manual'],
    needsSlots: true,
    asked: (task) => task.startDeadlineSeconds !== null,
  },
  { field: 'backoff', kinds: ['every'], asked: ({ backoff }) => backoff !== 'none' },
];

/** What is wrong with a definition whose columns are each valid: what they say together. */
export function faultsTogether(definition: TaskDefinition): readonly Fault[] {
  return [
    ...RULES.flatMap((rule) => faultOfRule(rule, definition)),
    ...faultsOfPeriod(definition),
    ...faultsOfRetries(definition),
    ...faultsOfPairs(definition),
    ...faultsOfOffline(definition),
  ];
}

function faultsOfOffline({ offline, offlineResource }: TaskDefinition): Fault[] {
  return offline !== 'execute' && offlineResource === null
    ? [
        {
          field: 'offline',
          message: `expected it with an offline_resource, which says when the task is offline, got ${offline} without one`,
        },
      ]
    : [];
}

function faultOfRule(rule: Rule, definition: TaskDefinition): Fault[] {
  const message = rule.asked(definition) ? whyRefused(rule, definition) : undefined;
  return message === undefined ? [] : [{ field: rule.field, message }];
}

function whyRefused(
  { kinds, needsSlots = false, makesSlot = false }: Rule,
  { scheduleKind, schedule, anchor, confirmation }: TaskDefinition,
): string | undefined {
  if (!kinds.includes(scheduleKind)) {
    return `expected it with ${kindsText(kinds)} only, got ${scheduleKind}`;
  }
  if (needsSlots && scheduleKind === 'every' && anchor !== 'slot') {
    return `expected it with anchor slot only, got anchor ${anchor}, which misses no slot`;
  }
  if (makesSlot && confirmation) {
    return 'expected it without confirmation only, which lets nothing run by itself, got both';
  }
  return makesSlot && saysNever(scheduleKind, schedule)
    ? `expected it with a schedule that runs, got ${scheduleKind} ${JSON.stringify(schedule)}, which is never`
    : undefined;
}

function kindsText(kinds: readonly ScheduleKind[]): string {
  const last = kinds.at(-1) ?? '';
  return kinds.length > 1 ? `the kinds ${kinds.slice(0, -1).join(', ')} and ${last}` : `the kind ${last}`;
}

function faultsOfPeriod(definition: TaskDefinition): Fault[] {
  const { scheduleKind, backoff, maxPeriodSeconds, anchor, overlap } = definition;
  const period = scheduleKind === 'every' ? periodOf(definition) : undefined;
  const faults: Fault[] = [];
  if (maxPeriodSeconds !== null && backoff === 'none') {
    faults.push({ field: 'max_period', message: 'expected it with a backoff only, got backoff none' });
  }
  if (maxPeriodSeconds !== null && period !== undefined && maxPeriodSeconds < period) {
    faults.push({
      field: 'max_period',
      message: `expected at least the period (${formatDuration(period)}), got ${formatDuration(maxPeriodSeconds)}`,
    });
  }
  if (anchor === 'finish' && overlap === 'allow') {
    faults.push({
      field: 'overlap',
      message:
        'expected forbid or skip with anchor finish, whose next slot is known at the end of a run, got allow',
    });
  }
  return faults;
}

/** Undefined where the schedule itself is at fault, which is told on its own. */
function periodOf({ schedule }: TaskDefinition): number | undefined {
  try {
    return parseEvery(schedule);
  } catch {
    return undefined;
  }
}

function faultsOfRetries({ retryDelaySeconds, retryMaxDelaySeconds }: TaskDefinition): Fault[] {
  return retryMaxDelaySeconds >= retryDelaySeconds
    ? []
    : [
        {
          field: 'retry_max_delay',
          message: `expected at least retry_delay (${formatDuration(retryDelaySeconds)}), got ${formatDuration(retryMaxDelaySeconds)}`,
        },
      ];
}

function faultsOfPairs(definition: TaskDefinition): Fault[] {
  const { startDeadlineSeconds, randomOffsetSeconds, overlap, maxParallel } = definition;
  const faults: Fault[] = [];
  if (startDeadlineSeconds !== null && startDeadlineSeconds < randomOffsetSeconds) {
    faults.push({
      field: 'start_deadline',
      message: `expected at least random_offset (${formatDuration(randomOffsetSeconds)}), by which a slot may start later on purpose, got ${formatDuration(startDeadlineSeconds)}`,
    });
  }
  if (definition.runImmediately && definition.firstDelaySeconds !== null) {
    faults.push({
      field: 'first_delay',
      message: 'expected either it or run_immediately, which is a delay of 0, got both',
    });
  }
  if (definition.scope === 'one' && needsZone(definition) && definition.timezone === '') {
    faults.push({
      field: 'timezone',
      message:
        'expected a named zone such as UTC, since nodes of one state may lie in different zones, got none',
    });
  }
  if (maxParallel > 1 && overlap !== 'allow') {
    faults.push({
      field: 'max_parallel',
      message: `expected 1 unless overlap is allow, got ${maxParallel} with overlap ${overlap}`,
    });
  }
  return faults;
}

function needsZone({ scheduleKind, schedule }: TaskDefinition): boolean {
  return scheduleKind === 'at' ? readsWall(schedule) : ZONED_KINDS.includes(scheduleKind);
}

/** An instant that names its offset is the same in every zone. */
function readsWall(text: string): boolean {
  try {
    return parseAt(text).offsetMs === undefined;
  } catch {
    return false;
  }
}
