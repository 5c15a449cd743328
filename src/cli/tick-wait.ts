import type { Instant } from '../core/instants.ts';
import { dueTickOf, type TickNumbers } from '../core/slots.ts';
import type { TaskState } from '../core/state.ts';
import { ALL_NODES } from '../core/task.ts';
import type { Timetable } from '../core/timetable.ts';
import type { Driver } from '../store/driver.ts';
import type { KnownNode } from '../store/nodes.ts';
import { tickNumbers } from '../store/ticks.ts';

/** The tick at which a state fires that counts ticks. */
export type TickWait = {
  /** How many ticks from now: 1 is the next one. */
  readonly ticksLeft: number;
  /** About when that tick comes; null where the rhythm is not known. */
  readonly aboutAt: Instant | null;
};

/** How the nodes count their ticks. */
export type TickCounts = {
  /** The numbers of the next tick, as a state of the key counts. */
  readonly nextOf: (scopeKey: string) => TickNumbers;
  /** Null for a state that counts time, and for one that has fired. */
  readonly waitOf: (timetable: Timetable, state: TaskState, now: Instant) => TickWait | null;
};

type Nodes = {
  readonly known: readonly KnownNode[];
  /** As which node the command acts: it may be one that has not ticked yet. */
  readonly here: string;
  readonly rhythms: ReadonlyMap<string, number | undefined>;
};

/** Reads the tick numbers of every known node. */
export async function tickCounts(driver: Driver, { known, here, rhythms }: Nodes): Promise<TickCounts> {
  const numbers = new Map<string, TickNumbers>();
  const { all } = await tickNumbers(driver, here);
  for (const { name } of known) {
    numbers.set(name, await tickNumbers(driver, name));
  }
  const nextOf = (scopeKey: string) => ({ own: (numbers.get(scopeKey)?.own ?? 0) + 1, all: all + 1 });
  return {
    nextOf,
    waitOf(timetable, state, now) {
      const dueTick = dueTickOf(timetable, state);
      if (dueTick === null) {
        return null;
      }
      const next = nextOf(state.scopeKey);
      const ticksLeft = Math.max(1, dueTick - (state.scopeKey === ALL_NODES ? next.all : next.own) + 1);
      return { ticksLeft, aboutAt: tickInstant({ known, rhythms }, state.scopeKey, { ticksLeft, now }) };
    },
  };
}

/** About when the tick comes that is so many ticks away; null where the rhythm is not known. */
function tickInstant(
  { known, rhythms }: Pick<Nodes, 'known' | 'rhythms'>,
  scopeKey: string,
  { ticksLeft, now }: { readonly ticksLeft: number; readonly now: Instant },
): Instant | null {
  const ticking = known.filter(({ lastTickAt }) => lastTickAt !== null);
  // How the ticks of several nodes mix is not known.
  const only = ticking.length === 1 ? ticking[0]?.name : undefined;
  const node = scopeKey === ALL_NODES ? only : scopeKey;
  const rhythmMs = node === undefined ? undefined : rhythms.get(node);
  const last = known.find(({ name }) => name === node)?.lastTickAt ?? null;
  return rhythmMs === undefined ? null : lastWithin(last, now, rhythmMs) + ticksLeft * rhythmMs;
}

/** The last tick; a node that has not ticked for longer than it should is taken to begin again now. */
function lastWithin(last: Instant | null, now: Instant, rhythmMs: number): Instant {
  return last === null || last < now - rhythmMs || last > now ? now : last;
}

/** How far the tick is away: `in 3 ticks`. */
export function ticksText({ ticksLeft }: Pick<TickWait, 'ticksLeft'>): string {
  return ticksLeft === 1 ? 'in 1 tick' : `in ${ticksLeft} ticks`;
}

/** Which of the coming ticks it is: `the next tick`, `the 4th tick`. */
export function ordinalTick(ticks: number): string {
  return ticks === 1 ? 'the next tick' : `the ${ticks}${ordinalEnd(ticks)} tick`;
}

function ordinalEnd(count: number): string {
  const isTeen = count % 100 >= 11 && count % 100 <= 13;
  return (isTeen ? undefined : ['th', 'st', 'nd', 'rd'][count % 10]) ?? 'th';
}
