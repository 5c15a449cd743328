import { DefinitionError, type Fault, UsageError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { nameOf, type TaskRecord } from '../../core/task.ts';
import type { Registry } from '../../modules/registry.ts';
import { checkWholly } from '../../runner/definition.ts';
import { withOptions } from '../../runner/hand-start.ts';
import { readOptionValues } from '../option-values.ts';

/** A task that is to run, with the options that replace those of its definition. */
export type TaskToRun = { readonly record: TaskRecord; readonly overrides: JsonObject };

/**
 * Reads the `-o` words for each of the tasks, and checks them all before any of them runs: an option that one of their
 * modules does not take is most likely a slip.
 *
 * @throws UsageError for a word that is not KEY=VALUE; DefinitionError for options that a task cannot run with
 */
export async function readOverrides(
  command: string,
  records: readonly TaskRecord[],
  { words, registry }: { readonly words: readonly string[]; readonly registry: () => Promise<Registry> },
): Promise<readonly TaskToRun[]> {
  if (words.length === 0) {
    return records.map((record) => ({ record, overrides: {} }));
  }
  const loaded = await registry();
  const read: TaskToRun[] = [];
  for (const record of records) {
    const { values, faults } = await readOptionValues(words, record.fields.module, loaded);
    const [fault] = faults;
    if (fault !== undefined) {
      throw new UsageError(`${command}: --option: ${fault.message}`);
    }
    read.push({ record, overrides: values });
  }
  for (const { record, overrides } of read) {
    await refuseFaults(record, { overrides, registry: loaded, isOneOfSeveral: records.length > 1 });
  }
  return read;
}

async function refuseFaults(
  record: TaskRecord,
  {
    overrides,
    registry,
    isOneOfSeveral,
  }: { readonly overrides: JsonObject; readonly registry: Registry; readonly isOneOfSeveral: boolean },
): Promise<void> {
  // What else is wrong with a task is a matter of that task alone, and is told when its turn comes.
  const faults = (await checkWholly(withOptions(record, overrides), registry)).faults.filter(isOfOptions);
  if (faults.length > 0) {
    const name = JSON.stringify(nameOf(record));
    const subject = isOneOfSeveral
      ? `nothing was started, since task ${name} cannot run with these options`
      : `task ${name} cannot run with these options`;
    throw new DefinitionError(subject, faults);
  }
}

function isOfOptions({ field }: Fault): boolean {
  return /^options\b/.test(field);
}
