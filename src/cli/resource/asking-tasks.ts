import { resourcesAsked } from '../../core/conditions.ts';
import { nameOf, type TaskRecord } from '../../core/task.ts';
import { listTasks } from '../../store/definitions.ts';
import type { Session } from '../session.ts';

/** The names of the tasks that ask for a resource, active or not. */
export async function askingTasks({ store }: Session, resource: string): Promise<readonly string[]> {
  const tasks = await listTasks(store.database);
  return tasks.filter(({ record }) => askedOf(record).includes(resource)).map(({ record }) => nameOf(record));
}

function askedOf({ fields: { requires, offlineResource } }: TaskRecord): readonly string[] {
  return resourcesAsked({
    requires: typeof requires === 'string' ? requires : '',
    offlineResource: typeof offlineResource === 'string' ? offlineResource : null,
  });
}
