import type { DatabaseLocation } from '../../config/config.ts';
import { NotFoundError, UsageError } from '../../core/errors.ts';
import { normalizeName } from '../../core/names.ts';
import { nameOf, runsOn, type TaskRecord } from '../../core/task.ts';
import { findTask, listTasks } from '../../store/definitions.ts';
import { nodesOf } from '../describe-task.ts';
import { globTest, isGlob } from './glob.ts';

/** Which tasks are wanted: names and patterns, tags, or those of the former that have the latter. */
export type TasksWanted = { readonly task?: readonly string[]; readonly tags?: string };

/**
 * The tasks that are wanted, ascending by (ordering, id): those that are named, those of the node that match a pattern,
 * and of these, or of all of the node, only those with the tags.
 *
 * @throws UsageError for tags that cannot be read; NotFoundError when nothing matches, for a name that no task has, and
 * for a task of other nodes
 */
export async function selectTasks(
  database: DatabaseLocation,
  node: string,
  { task: words, tags }: TasksWanted,
): Promise<readonly TaskRecord[]> {
  const wanted = tags === undefined ? undefined : tagsWanted(tags);
  const all = (await listTasks(database)).map(({ record }) => record);
  const here = all.filter((record) => runsOn(nodesOf(record), node));
  const named = words === undefined ? here : await namedTasks(database, { all, here }, words);
  refuseElsewhere(named, node);
  const selected = wanted === undefined ? named : named.filter((record) => hasTags(record, wanted));
  if (selected.length === 0) {
    throw new NotFoundError(`node ${JSON.stringify(node)} has no task ${criteriaText(words, tags)}`);
  }
  return selected;
}

type Known = { readonly all: readonly TaskRecord[]; readonly here: readonly TaskRecord[] };

async function namedTasks(
  database: DatabaseLocation,
  { all, here }: Known,
  words: readonly string[],
): Promise<readonly TaskRecord[]> {
  const chosen = new Set<number>();
  for (const word of words) {
    const exact = exactTask(all, word);
    if (exact === undefined && isGlob(word)) {
      const fits = globTest(normalizeName(word));
      const matching = here.filter((record) => fits(nameOf(record)));
      for (const { id } of matching) {
        chosen.add(id);
      }
    } else {
      // Where no task has the name, this says which was most likely meant.
      chosen.add(exact?.id ?? (await findTask(database, word)).record.id);
    }
  }
  return all.filter(({ id }) => chosen.has(id));
}

/** The task that has the name as it was typed, or in its normal form. */
function exactTask(all: readonly TaskRecord[], word: string): TaskRecord | undefined {
  const names = [normalizeName(word), word];
  return names.flatMap((name) => all.find((record) => nameOf(record) === name) ?? [])[0];
}

function criteriaText(words: readonly string[] | undefined, tags: string | undefined): string {
  const named = (words ?? []).map((word) => JSON.stringify(word)).join(', ');
  return [
    ...(words === undefined ? [] : [`that matches ${named}`]),
    ...(tags === undefined ? [] : [`with the tags ${JSON.stringify(tags)}`]),
  ].join(' ');
}

function refuseElsewhere(records: readonly TaskRecord[], node: string): void {
  const elsewhere = records.find((record) => !runsOn(nodesOf(record), node));
  if (elsewhere !== undefined) {
    const nodes = nodesOf(elsewhere).join(', ') || 'none';
    throw new NotFoundError(
      `task ${JSON.stringify(nameOf(elsewhere))} is not a task of node ${JSON.stringify(node)} (its nodes: ${nodes}): name one with --node, or add this one with "periodic-cron set"`,
    );
  }
}

/** `a+b,c` is [[a, b], [c]]. */
function tagsWanted(text: string): readonly (readonly string[])[] {
  const choices = text.split(',').map((choice) => choice.split('+').map(normalizeName));
  if (choices.flat().includes('')) {
    throw new UsageError(`run_manually: --tags: expected tags such as a+b,c, got ${JSON.stringify(text)}`);
  }
  return choices;
}

function hasTags({ fields: { tags } }: TaskRecord, wanted: readonly (readonly string[])[]): boolean {
  return Array.isArray(tags) && wanted.some((choice) => choice.every((tag) => tags.includes(tag)));
}
