import { formatDuration } from '../../core/durations.ts';
import { SECOND_MS } from '../../core/instants.ts';
import type { AuditEntry } from '../../store/known-tasks.ts';
import { instantText } from '../times.ts';

/** A change as the part of a sentence that says how: `it was disabled at 2026-11-21 00:40:00Z by root`. */
export function changeText({ action, actor, changedAt }: AuditEntry): string {
  const who = actor === 'outside' ? 'by plain SQL' : `by ${actor}`;
  return `${ACTIONS[action] ?? `it was ${action}`} at ${instantText(changedAt)} ${who}`;
}

const ACTIONS: Readonly<Record<string, string>> = {
  'node added': 'the node was added',
  'node removed': 'the node was removed from it',
};

/** A length of time in whole seconds, at least one: `1m30s`. */
export function lengthText(ms: number): string {
  return formatDuration(Math.max(1, Math.floor(ms / SECOND_MS)));
}
