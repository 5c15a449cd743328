import { parseRequires } from '../../core/requires.ts';
import { nameOf, type TaskRecord } from '../../core/task.ts';
import { listTasks } from '../../store/definitions.ts';
import type { Session } from '../session.ts';

/** The names of the tasks that ask for a resource, active or not, by what they ask it for. */
export type AskingTasks = {
  readonly requiring: readonly string[];
  /** Those that are offline without it. */
  readonly offline: readonly string[];
  /** All of them, each once. */
  readonly all: readonly string[];
};

/** The tasks that ask for a resource. */
export async function askingTasks({ store }: Session, resource: string): Promise<AskingTasks> {
  const records = (await listTasks(store.database)).map(({ record }) => record);
  const namesOf = (...asked: ReadonlyArray<(record: TaskRecord) => readonly string[]>) =>
    records.filter((record) => asked.some((of) => of(record).includes(resource))).map(nameOf);
  return {
    requiring: namesOf(requiredBy),
    offline: namesOf(backEndOf),
    all: namesOf(requiredBy, backEndOf),
  };
}

/** Requirements that cannot be read ask for nothing: their task is invalid. */
function requiredBy({ fields: { requires } }: TaskRecord): readonly string[] {
  try {
    return parseRequires(String(requires)).map(({ resource }) => resource);
  } catch {
    return [];
  }
}

function backEndOf({ fields: { offlineResource } }: TaskRecord): readonly string[] {
  return typeof offlineResource === 'string' ? [offlineResource] : [];
}
