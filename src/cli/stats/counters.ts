import { didYouMean } from '../../config/near-miss.ts';
import { NotFoundError } from '../../core/errors.ts';
import { resetCounter } from '../../store/counter-reset.ts';
import {
  type Counter,
  type CounterPart,
  incrementCounter,
  listCounters,
  sumOf,
} from '../../store/counters.ts';
import type { Driver } from '../../store/driver.ts';
import { exactNumber } from '../../store/result-rows.ts';
import { actorName } from '../actor.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { withSession } from '../session.ts';
import type { Column } from '../table.ts';
import { printable } from '../terminal.ts';
import { countValue } from '../values.ts';
import { nameValue } from './name-value.ts';

/** What a person may add at once: whatever has up to 15 digits. */
const MOST = 999_999_999_999_999;

/**
 * Prints every counter, or what each node has added to one of them.
 *
 * @throws NotFoundError for an unknown one
 */
export function listAll(context: Context, given: string | undefined): Promise<number> {
  const name = given === undefined ? undefined : nameValue('counter list', given);
  return withSession(context, { readOnly: true }, async ({ store: { driver } }) => {
    const { output } = context;
    if (name !== undefined) {
      const counter = await foundCounter(driver, name);
      if (output.isJson) {
        output.document(partsJson(counter));
      } else {
        output.table(PART_COLUMNS, counter.parts);
        output.line(printable(`${JSON.stringify(name)} is ${counter.value} over all nodes`));
      }
      return EXIT.ok;
    }
    const counters = await listCounters(driver);
    if (output.isJson) {
      output.document({ counters: counters.map(counterJson) });
    } else if (counters.length === 0) {
      output.line('nothing has been counted yet');
    } else {
      output.table(COUNTER_COLUMNS, counters);
    }
    return EXIT.ok;
  });
}

const COUNTER_COLUMNS: readonly Column<Counter>[] = [
  { title: 'COUNTER', value: ({ name }) => name, minWidth: 12 },
  { title: 'VALUE', value: ({ value }) => String(value), align: 'right', minWidth: 19 },
  { title: 'NODES', value: ({ parts }) => String(parts.length), align: 'right', worth: 1 },
];

const PART_COLUMNS: readonly Column<CounterPart>[] = [
  { title: 'NODE', value: ({ node }) => node, minWidth: 12 },
  { title: 'VALUE', value: ({ value }) => String(value), align: 'right', minWidth: 19 },
];

type IncrementFlags = { readonly by?: string; readonly node?: string };

/** Adds to a counter for this node, or for another. */
export function incrementByHand(context: Context, given: string, flags: IncrementFlags): Promise<number> {
  const name = nameValue('counter increment', given);
  const range = { min: -MOST, max: MOST };
  const by = flags.by === undefined ? 1 : countValue('counter increment: --by', flags.by, range);
  return withSession(context, { node: flags.node }, async ({ config: { node }, store: { driver } }) => {
    await incrementCounter(driver, { name, node, by });
    const counter = await foundCounter(driver, name);
    if (context.output.isJson) {
      context.output.document({ ...counterJson(counter), node, by });
    } else {
      context.output.line(
        printable(
          `added ${by} to counter ${JSON.stringify(name)} of node ${JSON.stringify(node)}; over all nodes it is ${counter.value}`,
        ),
      );
    }
    return EXIT.ok;
  });
}

type NodeFlags = { readonly node?: string };

/**
 * Sets a counter to 0, or what one node has counted.
 *
 * @throws NotFoundError where nothing has been counted
 */
export function resetByHand(context: Context, given: string, flags: NodeFlags): Promise<number> {
  return takeByHand(context, given, { ...flags, remove: false });
}

/**
 * Removes a counter, or what one node has counted.
 *
 * @throws NotFoundError where nothing has been counted
 */
export function removeByHand(context: Context, given: string, flags: NodeFlags): Promise<number> {
  return takeByHand(context, given, { ...flags, remove: true });
}

function takeByHand(
  context: Context,
  given: string,
  { remove, ...flags }: NodeFlags & { readonly remove: boolean },
): Promise<number> {
  const command = remove ? 'counter remove' : 'counter reset';
  const name = nameValue(command, given);
  const node = flags.node === undefined ? undefined : nameValue(`${command}: --node`, flags.node);
  return withSession(context, {}, async ({ store: { driver }, clock }) => {
    const request = { name, node, at: clock(), actor: actorName(context.io.uid), remove };
    const parts = await resetCounter(driver, request);
    if (parts.length === 0) {
      throw await nothingCounted(driver, name, node);
    }
    if (context.output.isJson) {
      const done = remove ? { removed: true } : { reset: true };
      context.output.document({ ...partsJson({ name, value: sumOf(parts), parts }), ...done });
    } else {
      context.output.line(printable(takenText(name, parts, remove)));
    }
    return EXIT.ok;
  });
}

function takenText(name: string, parts: readonly CounterPart[], remove: boolean): string {
  const nodes = parts.map(({ node, value }) => `${JSON.stringify(node)} ${value}`).join(', ');
  const done = remove
    ? `removed counter ${JSON.stringify(name)}`
    : `set counter ${JSON.stringify(name)} to 0`;
  return `${done}; it was ${sumOf(parts)} (${nodes})`;
}

async function nothingCounted(
  driver: Driver,
  name: string,
  node: string | undefined,
): Promise<NotFoundError> {
  // An unknown counter is named as such first.
  const { parts } = await foundCounter(driver, name);
  const nodes = parts.map((part) => part.node);
  return new NotFoundError(
    `node ${JSON.stringify(node)} has added nothing to counter ${JSON.stringify(name)}${didYouMean(node ?? '', nodes)}; there are: ${nodes.join(', ')}`,
  );
}

async function foundCounter(driver: Driver, name: string): Promise<Counter> {
  const [counter] = await listCounters(driver, name);
  if (counter === undefined) {
    const names = (await listCounters(driver)).map((known) => known.name);
    throw new NotFoundError(`there is no counter ${JSON.stringify(name)}${didYouMean(name, names)}`);
  }
  return counter;
}

/** A counter as `--json` prints it; a value that a number would not hold exactly is text. */
function counterJson({ name, value, parts }: Counter) {
  return { name, value: exactNumber(String(value)), nodes: parts.length };
}

function partsJson({ name, value, parts }: Counter) {
  return {
    name,
    value: exactNumber(String(value)),
    nodes: parts.map((part) => ({ node: part.node, value: exactNumber(String(part.value)) })),
  };
}
