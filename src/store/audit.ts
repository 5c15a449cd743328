import { type Instant, toText } from '../core/instants.ts';
import type { Statements } from './driver.ts';

/** Records who changed what that is no task: `after` is how it is now, null where nothing is left of it. */
export async function insertAudit(
  { run }: Pick<Statements, 'run'>,
  change: { readonly action: string; readonly at: Instant; readonly actor: string },
  after: object | null,
): Promise<void> {
  await run('INSERT INTO periodic_audit (changed_at, actor, action, "after") VALUES (?, ?, ?, ?)', [
    toText(change.at),
    change.actor,
    change.action,
    after === null ? null : JSON.stringify(after),
  ]);
}
