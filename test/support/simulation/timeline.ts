import type { Instant } from './world.ts';

/**
 * The one clock of a simulated world and what waits for it. At any time at most one actor (a tick, an operator) is at
 * work; when it waits or is done, the clock moves on to what comes next. So the order of everything is decided by the
 * instants alone, and equal instants by when they were asked for, whoever plays the actors.
 */
export type Timeline = {
  readonly now: () => Instant;
  /** Lets an actor enter the world at the instant. */
  readonly enter: (at: Instant, actor: () => Promise<unknown>) => void;
  /** For an actor at work: waits until the instant, or until somebody wakes the sleeper; true when it was woken. */
  readonly sleepUntil: (at: Instant, sleeper?: object) => Promise<boolean>;
  /** Lets a sleeper go on at once, after what is to happen at this instant anyway. Nothing, if it does not sleep. */
  readonly wake: (sleeper: object) => void;
  /** For an actor at work: leaves the world for good, in the middle of what it does. */
  readonly die: () => Promise<never>;
  /** Plays everything that was entered; rejects with what an actor threw. */
  readonly play: () => Promise<void>;
};

/** What is to happen at an instant: an actor enters, or one that waits goes on. */
type Entry = { readonly at: Instant; readonly order: number; readonly begin: () => void };

/** One that waits; `wake` makes it a woken one. */
type Sleeping = Entry & { readonly sleeper: object | undefined; readonly wake: () => void };

export function createTimeline(
  startsAt: Instant,
  onMove: (now: Instant) => void = () => undefined,
): Timeline {
  let now = startsAt;
  let order = 0;
  const entering: Entry[] = [];
  const sleeping: Sleeping[] = [];
  let rest: () => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const nextOrder = (): number => {
    order += 1;
    return order;
  };
  const next = (): Entry | undefined => {
    const sleeper = earliest(sleeping);
    const newcomer = entering.at(-1);
    if (sleeper !== undefined && (newcomer === undefined || sleeper.at <= newcomer.at)) {
      sleeping.splice(sleeping.indexOf(sleeper), 1);
      return sleeper;
    }
    return entering.pop();
  };
  return {
    now: () => now,
    enter: (at, actor) => {
      const begin = (): unknown =>
        actor().then(
          () => rest(),
          (error) => fail(error),
        );
      entering.push({ at, order: nextOrder(), begin });
    },
    sleepUntil: (at, sleeper) =>
      new Promise((resolve) => {
        const wake = (): void => resolve(true);
        sleeping.push({ at, order: nextOrder(), begin: () => resolve(false), sleeper, wake });
        rest();
      }),
    wake: (sleeper) => {
      const index = sleeping.findIndex((entry) => entry.sleeper === sleeper);
      const [entry] = index < 0 ? [] : sleeping.splice(index, 1);
      if (entry !== undefined) {
        sleeping.push({ ...entry, at: now, order: nextOrder(), begin: entry.wake });
      }
    },
    die: () => {
      rest();
      return new Promise<never>(() => undefined);
    },
    async play() {
      // Entries are many and known beforehand: sorted once, the next one last.
      entering.sort((one, other) => other.at - one.at || other.order - one.order);
      for (let entry = next(); entry !== undefined; entry = next()) {
        const { at, begin } = entry;
        now = Math.max(now, at);
        onMove(now);
        await new Promise<void>((resolve, reject) => {
          rest = resolve;
          fail = reject;
          begin();
        });
      }
    },
  };
}

function earliest(entries: readonly Sleeping[]): Sleeping | undefined {
  let first: Sleeping | undefined;
  for (const entry of entries) {
    if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) {
      first = entry;
    }
  }
  return first;
}
