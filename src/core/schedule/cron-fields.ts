import { ScheduleError } from '../errors.ts';
import { stableHash } from '../hash.ts';
import { type DateRule, hasMatchingDate } from './cron-dates.ts';
import { type FieldSpec, type FieldText, type HashPick, parseField, quote } from './cron-field.ts';

/** A parsed cron schedule of five fields. */
export type CronFields = {
  /** Ascending, as are the hours. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly dates: DateRule;
  /** The minute or hour field begins with `*`: the schedule follows the clock. Otherwise it is a fixed time. */
  readonly followsClock: boolean;
};

const SHORTHANDS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
const REBOOT = '@reboot';

const MONTH_NAMES = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE: FieldSpec = { name: 'minute', low: 0, high: 59, top: 59, hashTop: 59, names: [] };
const HOUR: FieldSpec = { name: 'hour', low: 0, high: 23, top: 23, hashTop: 23, names: [] };
// H chooses a date that every month has.
const DATE: FieldSpec = { name: 'day of month', low: 1, high: 31, top: 31, hashTop: 28, names: [] };
const MONTH: FieldSpec = { name: 'month', low: 1, high: 12, top: 12, hashTop: 12, names: MONTH_NAMES };
const WEEKDAY: FieldSpec = { name: 'day of week', low: 0, high: 7, top: 6, hashTop: 6, names: WEEKDAY_NAMES };

/** Whether the schedule is `@reboot`, which has no slots of its own. */
export function isReboot(text: string): boolean {
  return text.trim() === REBOOT;
}

/**
 * Reads five cron fields or one of the shorthands `@hourly` to `@yearly`, in the notation of crontab(5) with `L`, `#` and
 * `H`. A field that begins with `H` or `L` does not begin with `*`, so it restricts its days and fixes its time. `H` is
 * the same for the same seed, and its fields choose independently.
 *
 * @throws ScheduleError with the position of the fault, also when no date can match
 */
export function parseCronFields(text: string, hashSeed: string): CronFields {
  const fields = splitFields(text);
  const pick: HashPick = (spec, choices) => stableHash(`${spec.name}\n${hashSeed}`) % choices;
  const [minute, hour] = fields;
  const minutes = parseField(minute, pick);
  const hours = parseField(hour, pick);
  return {
    minutes: minutes.values,
    hours: hours.values,
    dates: parseDates(fields, pick),
    followsClock: minutes.beginsWithStar || hours.beginsWithStar,
  };
}

/**
 * Checks a schedule for every seed at once, so that what may be written does not depend on a task's id: refuses it when
 * some choice of `H` leaves no date.
 *
 * @throws ScheduleError as {@link parseCronFields}
 */
export function checkCronFields(text: string): void {
  parseCronFields(text, '');
  const fields = splitFields(text);
  const [, , date, month] = fields;
  const datePicks = mayChoose(date) ? date.spec.high : 1;
  const monthPicks = mayChoose(month) ? month.spec.high : 1;
  for (let datePick = 0; datePick < datePicks; datePick += 1) {
    for (let monthPick = 0; monthPick < monthPicks; monthPick += 1) {
      parseDates(fields, (spec, choices) => (spec === date.spec ? datePick : monthPick) % choices);
    }
  }
}

type FiveFields = readonly [FieldText, FieldText, FieldText, FieldText, FieldText];

function splitFields(text: string): FiveFields {
  const words = [...text.matchAll(/\S+/g)];
  if (words[0]?.[0].startsWith('@')) {
    return splitFields(longFormOf(text));
  }
  const [minute, hour, date, month, weekday, ...excess] = words;
  if (!minute || !hour || !date || !month || !weekday || excess.length > 0) {
    throw new ScheduleError(
      `expected 5 cron fields, got ${words.length}: ${quote(text)}`,
      (excess[0]?.index ?? 0) + 1,
    );
  }
  return [
    fieldText(MINUTE, minute),
    fieldText(HOUR, hour),
    fieldText(DATE, date),
    fieldText(MONTH, month),
    fieldText(WEEKDAY, weekday),
  ];
}

function fieldText(spec: FieldSpec, word: RegExpExecArray): FieldText {
  return { spec, text: word[0], position: word.index + 1 };
}

function longFormOf(text: string): string {
  const name = text.trim();
  if (!Object.hasOwn(SHORTHANDS, name)) {
    const known = [...Object.keys(SHORTHANDS), REBOOT].join(', ');
    throw new ScheduleError(`expected one of ${known}, got ${quote(name)}`, text.indexOf('@') + 1);
  }
  return SHORTHANDS[name] ?? '';
}

function parseDates(fields: FiveFields, pick: HashPick): DateRule {
  const [, , dateText, monthText, weekdayText] = fields;
  const date = parseField(dateText, pick);
  const month = parseField(monthText, pick);
  const weekday = parseField(weekdayText, pick);
  const rule: DateRule = {
    months: month.values,
    dates: date.values,
    lastDate: date.lastDate,
    weekdays: weekday.values,
    nthWeekdays: weekday.nthWeekdays,
    lastWeekdays: weekday.lastWeekdays,
    either: !date.beginsWithStar && !weekday.beginsWithStar,
  };
  if (!hasMatchingDate(rule)) {
    const came = quote([dateText, monthText, weekdayText].map((field) => field.text).join(' '));
    const choice = mayChoose(dateText) || mayChoose(monthText) ? ' for some choice of H' : '';
    throw new ScheduleError(
      `day of month: expected a date that some year has, got ${came}: no date matches${choice}`,
      dateText.position,
    );
  }
  return rule;
}

// An `h` elsewhere in a part belongs to a name, as in `thu`.
function mayChoose(field: FieldText): boolean {
  return /(?:^|,)h/i.test(field.text);
}
