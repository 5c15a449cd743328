import { toShortText, toText } from '../core/instants.ts';
import type { LifeEvent, Severity } from '../runner/events.ts';
import type { LogEntry, LogResource } from './event-log.ts';
import { type Color, type Paint, printable } from './terminal.ts';

const COLOURS: Readonly<Record<Severity, Color | undefined>> = {
  debug: 'dim',
  info: undefined,
  warn: 'yellow',
  error: 'red',
};

// The longest event.
const EVENT_WIDTH = 'terminated'.length;

/** An event as one line for people: when, what, of which task, and what is known of it. */
export function lineOf({ at, severity, happened }: LogEntry<LifeEvent>, paint: Paint): string {
  const event = happened.event.replace('_', ' ').padEnd(EVENT_WIDTH);
  const colour = COLOURS[severity];
  return `${toText(at)}  ${colour === undefined ? event : paint(colour, event)}  ${printable(wordsOf(happened))}`;
}

/** The change of a resource as one line for people. */
export function lineOfResource({ at, happened }: LogEntry<LogResource>): string {
  const { resource, node, before, state, why } = happened;
  const from = before === null ? '' : `, was ${before}`;
  const words = `${JSON.stringify(resource)} is ${state} on node ${JSON.stringify(node)}${from}: ${why}`;
  return `${toText(at)}  ${'resource'.padEnd(EVENT_WIDTH)}  ${printable(words)}`;
}

function wordsOf(life: LifeEvent): string {
  const { task, scope, node, error, reason } = life;
  const known = [
    JSON.stringify(task),
    `scope ${JSON.stringify(scope ?? life.scopes ?? [])}`,
    ...(scope === node ? [] : [`node ${JSON.stringify(node)}`]),
    ...slotWords(life),
    ...runWords(life),
    ...(life.actor === undefined ? [] : [`by ${life.actor}`]),
  ];
  const why = [reason, error].filter((text) => (text ?? '') !== '');
  return [known.join(', '), ...why].join(': ');
}

function slotWords({ slotAt, nextSlotAt, trigger, slotCount = 1 }: LifeEvent): readonly string[] {
  return [
    ...(trigger === 'manual' ? ['by hand'] : []),
    ...(slotAt === null ? [] : [`slot ${toShortText(slotAt)}`]),
    ...(slotCount > 1 ? [`${slotCount} slots`] : []),
    nextSlotAt === null ? 'no next slot' : `next slot ${toShortText(nextSlotAt)}`,
  ];
}

function runWords({ attempt = 1, durationMs, retryAt }: LifeEvent): readonly string[] {
  return [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...((durationMs ?? null) === null ? [] : [`in ${durationMs} ms`]),
    ...((retryAt ?? null) === null ? [] : [`next attempt at ${toShortText(retryAt ?? 0)}`]),
  ];
}
