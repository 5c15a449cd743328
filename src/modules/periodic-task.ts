import { didYouMean } from '../config/near-miss.ts';
import { formatDuration, MAX_DURATION_S, parseDuration } from '../core/durations.ts';
import { messageOf } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import type { ModuleResult, TaskContext, TaskModule } from './module.ts';
import { shown } from './option-faults.ts';

/** What a file says of a task that it declares. */
export type PeriodicSettings = {
  /** Seconds, or a duration such as `90s` or `1h30m`. 0, the default, is the default spacing of the configuration; less is never. */
  readonly spacing?: number | string;
  /** Its first slot is the minute in which its row is made. Default: false. */
  readonly runImmediately?: boolean;
  /** The name of the task, and the id of its module: a letter, then letters, digits, `_`, `.`, `-`. Default: that of the function. */
  readonly name?: string;
  /** False: it is not scheduled. Default: true. */
  readonly enabled?: boolean;
  /** One line for people. */
  readonly description?: string;
};

/** When a task that is declared in code runs; it is part of what a file is described by. */
export type PeriodicSpec = {
  readonly spacingSeconds: number;
  readonly runImmediately: boolean;
  readonly enabled: boolean;
};

/** A module that says itself when it is to run. */
export type PeriodicTaskModule = TaskModule & { readonly [PERIODIC]: PeriodicSpec };

// Registered under a global name, because a module may hold another copy of this file than the process that loads it.
const PERIODIC = Symbol.for('periodic-cron.periodic');

const NAME = /^[A-Za-z][\w.-]{0,99}$/;

const SETTINGS = ['spacing', 'runImmediately', 'name', 'enabled', 'description'];

/**
 * Declares a task in code: a module without options that calls `fn`, and what `periodic-cron modules sync` makes a row of.
 *
 * @throws TypeError for a call without settings or function, a name that is missing or none, and a setting that nobody
 * knows; RangeError for a spacing that is no duration
 */
export function periodicTask(
  settings: PeriodicSettings,
  fn: (context: TaskContext) => ModuleResult | Promise<ModuleResult>,
): PeriodicTaskModule {
  checkCall(settings, fn);
  const { spacing = 0, runImmediately = false, enabled = true } = settings;
  const id = checkedName(settings.name ?? fn.name);
  checkKeys(id, settings);
  const spacingSeconds = checkedSpacing(id, spacing);
  const spec = {
    spacingSeconds,
    runImmediately: checkedFlag(id, 'runImmediately', runImmediately),
    enabled: checkedFlag(id, 'enabled', enabled),
  };
  return {
    id,
    description: settings.description ?? `A task that its file declares, ${spacingText(spec)}.`,
    run: (_options, context) => fn(context),
    [PERIODIC]: spec,
  };
}

/** Why a task that is declared in code is not scheduled; undefined when it is. */
export function whyNotScheduled({ spacingSeconds, enabled }: PeriodicSpec): string | undefined {
  if (spacingSeconds < 0) {
    return 'its spacing is negative';
  }
  return enabled ? undefined : 'its code says enabled: false';
}

/** When it runs, in a few words. */
export function spacingText(spec: PeriodicSpec): string {
  const reason = whyNotScheduled(spec);
  if (reason !== undefined) {
    return `not scheduled: ${reason}`;
  }
  return spec.spacingSeconds === 0
    ? 'with the default spacing'
    : `every ${formatDuration(spec.spacingSeconds)}`;
}

/** What a module says of when it runs, also one that another copy of this library made; undefined for any other. */
export function periodicSpecOf(module: object): PeriodicSpec | undefined {
  return PERIODIC in module ? readPeriodicSpec(module[PERIODIC]) : undefined;
}

/** Reads what a child or a cached file says; undefined for anything else. */
export function readPeriodicSpec(value: unknown): PeriodicSpec | undefined {
  if (!isJsonObject(value)) {
    return undefined;
  }
  const { spacingSeconds, runImmediately, enabled } = value;
  return isSpacing(spacingSeconds) && typeof runImmediately === 'boolean' && typeof enabled === 'boolean'
    ? { spacingSeconds, runImmediately, enabled }
    : undefined;
}

function isSpacing(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) <= MAX_DURATION_S;
}

/** Files of modules are mostly JavaScript, where no compiler has looked at the call. */
function checkCall(settings: unknown, fn: unknown): void {
  if (!isJsonObject(settings) || typeof fn !== 'function') {
    throw new TypeError(
      `periodicTask: expected settings and then a function, got ${shown(settings)} and ${shown(fn)}`,
    );
  }
}

/** A setting that is dropped in silence would give the task another rhythm than its author reads. */
function checkKeys(name: string, settings: PeriodicSettings): void {
  const unknown = Object.keys(settings).find((key) => !SETTINGS.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(
      `periodicTask ${JSON.stringify(name)}: expected one of ${SETTINGS.join(', ')}, got ${JSON.stringify(unknown)}${didYouMean(unknown, SETTINGS)}`,
    );
  }
}

function checkedName(name: unknown): string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('periodicTask: expected a name, or a function that has one, got neither');
  }
  if (!NAME.test(name)) {
    throw new TypeError(
      `periodicTask: expected a name of a letter and then letters, digits, "_", "." and "-", got ${shown(name)}`,
    );
  }
  return name;
}

function checkedSpacing(name: string, spacing: unknown): number {
  const what = `periodicTask ${JSON.stringify(name)}: spacing`;
  if (typeof spacing === 'string') {
    try {
      return parseDuration(spacing);
    } catch (thrown) {
      throw new RangeError(`${what}: ${messageOf(thrown)}`);
    }
  }
  if (!isSpacing(spacing)) {
    throw new RangeError(
      `${what}: expected whole seconds, at most ten years, or a duration such as 90s, got ${typeof spacing === 'number' ? String(spacing) : shown(spacing)}`,
    );
  }
  return spacing;
}

function checkedFlag(name: string, flag: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(
      `periodicTask ${JSON.stringify(name)}: ${flag}: expected true or false, got ${shown(value)}`,
    );
  }
  return value;
}
