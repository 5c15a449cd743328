import type { VirtualWorld } from './virtual-runner.ts';

/** The names of all tasks, in the order in which they were added. */
export function taskNames({ sql }: VirtualWorld): readonly unknown[] {
  return sql.prepare('SELECT name FROM periodic_task ORDER BY id').pluck().all();
}

/** What was told of the life of a task. */
export function lifeOf({ events }: VirtualWorld, task: string): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'life' && event.life.task === task ? [event.life.event] : [],
  );
}
