import type { Fault } from './errors.ts';
import { MAX_NAME_LENGTH } from './names.ts';
import type { Task, TaskRecord } from './task.ts';

/** How the owner of a task begins that a file of modules declares; the path of the file follows. */
export const OWNED_BY_FILE = 'modules:';

/** True for the owner of a task that a file declares. */
export function isOfFile(owner: unknown): owner is string {
  return typeof owner === 'string' && owner.startsWith(OWNED_BY_FILE);
}

/** The path of the file that declares a task, or did; any other owner as it stands. */
export function declaringFile({ fields: { owner } }: TaskRecord): string {
  return isOfFile(owner) ? owner.slice(OWNED_BY_FILE.length) : String(owner);
}

/** Why a negative period is one, where code says so and the row alone does not tell how; empty for other tasks. */
export function neverDeclared({ owner }: Pick<Task, 'owner'>): string {
  return isOfFile(owner)
    ? ` (${owner.slice(OWNED_BY_FILE.length)} declares it with enabled: false or a negative spacing)`
    : '';
}

/** The owner of a one-shot that a run of the task has scheduled. */
export function ownerOfOneShot({ name }: Pick<Task, 'name'>): string {
  return `task:${name}`;
}

/** How the audit names a task that did something. */
export function actorOfTask({ name }: Pick<Task, 'name'>): string {
  return [...`task ${name}`].slice(0, MAX_NAME_LENGTH).join('');
}

/** True for a task that is off since its file does not declare it any more. */
export function isGone({ fields }: TaskRecord): boolean {
  return fields.gone === true && fields.active === false;
}

/** Why a task has no module any more whose file does not declare it any more. */
export function goneFault(record: TaskRecord): Fault {
  return {
    field: 'module',
    message: `expected one that is declared, got ${JSON.stringify(record.fields.module)}, which ${declaringFile(record)} does not declare any more`,
  };
}
