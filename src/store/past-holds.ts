import type { DatabaseLocation } from '../config/config.ts';
import { fromText, type Instant, toText } from '../core/instants.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { instantOf, textOf } from './cells.ts';
import type { Row } from './driver.ts';
import type { Hold } from './hold.ts';
import { withKnex } from './knex.ts';

/** What held nodes at an instant, as far as the record of changes goes back. */
export type PastHolds = {
  /** What kept a node from starting anything; undefined if nothing did. */
  readonly ofNode: (node: string) => Hold | undefined;
};

const ACTIONS = ['maintenance on', 'maintenance off', 'node drained', 'node resumed', 'node forgotten'];

/** Finds what held the nodes at the instant. */
export function holdsAt(database: DatabaseLocation, at: Instant): Promise<PastHolds> {
  return withKnex(database, async (knex) => {
    const rows: readonly Row[] = await knex('periodic_audit')
      .whereIn('action', ACTIONS)
      .where('changed_at', '<=', toText(at))
      .orderBy('id');
    return holdsOf(rows.map(changeOf), at);
  });
}

type Change = {
  readonly at: Instant;
  readonly actor: string;
  readonly action: string;
  readonly after: JsonObject;
};

function changeOf(row: Row): Change {
  const after = parsed(textOf(row['after']));
  return {
    at: instantOf(row['changed_at']) ?? 0,
    actor: String(row['actor']),
    action: String(row['action']),
    after: isJsonObject(after) ? after : {},
  };
}

function parsed(text: string | null): JsonValue {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    // Plain SQL may have written anything.
    return null;
  }
}

function holdsOf(changes: readonly Change[], at: Instant): PastHolds {
  let maintenance: Hold | undefined;
  const drained = new Map<string, Hold>();
  for (const change of changes) {
    const node = String(change.after['node'] ?? '');
    switch (change.action) {
      case 'maintenance on':
        maintenance = holdOf(change, 'maintenance');
        break;
      case 'maintenance off':
        maintenance = undefined;
        break;
      case 'node drained':
        drained.set(node, holdOf(change, 'drained'));
        break;
      default:
        drained.delete(node);
    }
  }
  const isOn = maintenance !== undefined && (maintenance.until === null || maintenance.until > at);
  return { ofNode: (node) => (isOn ? maintenance : drained.get(node)) };
}

function holdOf({ at, actor, after }: Change, kind: Hold['kind']): Hold {
  const { since, until, reason } = after;
  return {
    kind,
    since: instantIn(since) ?? at,
    until: instantIn(until) ?? null,
    actor,
    reason: typeof reason === 'string' ? reason : '',
  };
}

function instantIn(value: JsonValue | undefined): Instant | undefined {
  return typeof value === 'string' ? fromText(value) : undefined;
}
