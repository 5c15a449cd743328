import { localTimezone } from '../config/local-zone.ts';
import { resourcesAsked } from '../core/conditions.ts';
import { DefinitionError, type Fault } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import { ZONED_KINDS } from '../core/policy-faults.ts';
import type { TaskDefinition } from '../core/task.ts';
import { checkDefinition, columnName } from '../core/task-schema.ts';
import type { Registry } from '../modules/registry.ts';
import { faultsOfPlace } from '../runner/definition.ts';
import { listTasks, NAME_TAKEN } from '../store/definitions.ts';
import { listResources } from '../store/resources.ts';
import { unknownResourceText } from './resource/unknown-resource.ts';
import type { Session } from './session.ts';

type Fields = Partial<Record<keyof TaskDefinition, unknown>>;

/**
 * Checks the fields of a definition that is about to be written, and what its module says of its options. `known` are
 * the faults that the reading of the flags has found; each is the only one told of its field.
 *
 * @throws DefinitionError with every fault
 */
export async function checkFields(
  fields: Fields,
  known: readonly Fault[],
  registry: Registry,
): Promise<TaskDefinition> {
  const checked = checkDefinition(fields);
  const columns = checked.kind === 'invalid' ? checked.faults : [];
  const faults = [
    ...known,
    ...columns.filter(({ field }) => known.every((other) => other.field !== field)),
    ...(await moduleFaults(fields, registry)),
    ...(checked.kind === 'valid' ? await faultsOfPlace(checked.definition, registry) : []),
  ];
  if (faults.length > 0 || checked.kind === 'invalid') {
    throw new DefinitionError(`task ${JSON.stringify(fields.name)}`, faults);
  }
  return checked.definition;
}

/**
 * The faults of resources that a definition comes to ask for and that are not defined. What it has asked for before stays
 * as it was: `doctor` tells of that.
 */
export async function faultsOfResources(
  { store }: Session,
  fields: Fields,
  before: Fields = {},
): Promise<readonly Fault[]> {
  const fieldsAsked = (['requires', 'offlineResource'] as const).filter(
    (field) => fields[field] !== before[field],
  );
  const asked = fieldsAsked.flatMap((field) =>
    resourcesOf(field, fields[field]).map((name) => ({ field: columnName(field), name })),
  );
  if (asked.length === 0) {
    return [];
  }
  const known = (await listResources(store.driver)).map(({ name }) => name);
  return asked
    .filter(({ name }) => !known.includes(name))
    .map(({ field, name }) => ({ field, message: unknownResourceText(name, known) }));
}

function resourcesOf(field: 'requires' | 'offlineResource', value: unknown): readonly string[] {
  const text = typeof value === 'string' ? value : '';
  return field === 'requires'
    ? resourcesAsked({ requires: text, offlineResource: null })
    : resourcesAsked({ requires: '', offlineResource: text });
}

/**
 * The zone of the node for a schedule that reads a clock on the wall and whose one state many nodes share: they may lie
 * in different zones.
 */
export function withNamedZone(fields: Fields, env: Readonly<Record<string, string | undefined>>): Fields {
  const { scope, scheduleKind, timezone = '' } = fields;
  const readsWall = ZONED_KINDS.some((kind) => kind === scheduleKind);
  return scope === 'one' && readsWall && timezone === ''
    ? { ...fields, timezone: localTimezone(env) }
    : fields;
}

function moduleFaults({ module, options = {} }: Fields, registry: Registry): Promise<readonly Fault[]> {
  return typeof module === 'string' && isJsonObject(options)
    ? registry.checkOptions(module, options)
    : Promise.resolve([]);
}

/** The fault of a name that another task has; told beside all others, and fenced again when the task is written. */
export async function faultsOfName({ store }: Session, name: unknown): Promise<readonly Fault[]> {
  const taken = typeof name === 'string' && (await listTasks(store.database, [name])).length > 0;
  return taken ? [NAME_TAKEN] : [];
}
