import type { TickTime } from '../core/slots.ts';
import { type DueKey, keepDue } from '../store/tick-statements.ts';
import { pauseWithJitter, takeTurns } from '../store/turns.ts';
import type { Runner } from './runner.ts';

/** States to look at, in their order, drawn one by one by whoever is free. */
export type DueList = {
  readonly next: () => Promise<DueKey | undefined>;
  readonly rivals: Rivals;
};

/** What is told of other runners that take from the same list. */
export type Rivals = {
  /** One of them had handled a state before it was looked at. */
  readonly wasFirst: () => void;
  /**
   * One of them won a claim. Waits a moment, so that runners which met at a state do not meet at the next one as well,
   * and looks whether there is still something to do for this one.
   */
  readonly isStillDue: (key: DueKey) => Promise<boolean>;
};

/** How many keys are looked up together; each time that all are gone, twice as many. */
const FIRST_LOOK = 8;
const LONGEST_LOOK = 512;
/** How many draws after the last trace of another runner begin with such a look. */
const CAREFUL_DRAWS = 8;
/** The pause after a lost claim. It doubles with each loss up to 16 times as long, and shrinks as claims are won. */
const PAUSE_MS = 20;
const MOST_LOSSES = 5;

/**
 * The list was read when the tick began. Where other runners take from the same list, most of it would be lost to them
 * one by one: once another was met, the next keys are looked up together, and those that are not due any more are left
 * out, until none was met for a while.
 */
export function dueListOf(
  { driver }: Pick<Runner, 'driver'>,
  keys: readonly DueKey[],
  tick: TickTime,
): DueList {
  const inTurn = takeTurns();
  // The next one is the last.
  const waiting = [...keys].reverse();
  let carefulDraws = 0;
  let losses = 0;
  /** Drops the next keys that are not due any more. */
  const lookUp = async (): Promise<void> => {
    for (let count = FIRST_LOOK; waiting.length > 0; count = Math.min(2 * count, LONGEST_LOOK)) {
      const looked = waiting.slice(-count);
      const kept = await keepDue(driver, looked, tick);
      waiting.splice(-looked.length, looked.length, ...kept);
      if (kept.at(-1) !== looked.at(-1)) {
        carefulDraws = CAREFUL_DRAWS;
      }
      if (kept.length > 0) {
        return;
      }
    }
  };
  return {
    next: () =>
      inTurn(async () => {
        losses = Math.max(0, losses - 1);
        if (carefulDraws > 0) {
          carefulDraws -= 1;
          await lookUp();
        }
        return waiting.pop();
      }),
    rivals: {
      wasFirst: () => {
        carefulDraws = CAREFUL_DRAWS;
      },
      isStillDue: async (key) => {
        carefulDraws = CAREFUL_DRAWS;
        const pauseMs = PAUSE_MS * 2 ** losses;
        // The draw that follows takes one off.
        losses = Math.min(losses + 2, MOST_LOSSES);
        await pauseWithJitter(pauseMs);
        return inTurn(async () => (await keepDue(driver, [key], tick)).length > 0);
      },
    },
  };
}
