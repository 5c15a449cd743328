import { DatabaseError, messageOf } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { OneShotWish, RunHost } from './execution.ts';
import { checkedName, checkedOneShot } from './one-shot.ts';

/** The variable in which a command finds what it kept, as JSON; absent where it kept nothing. */
const STATE_VARIABLE = 'PERIODIC_CRON_STATE';

// The system starts nothing with a variable of more than 128 KiB, and all of them share its room with the arguments.
const MAX_STATE_BYTES = 32 * 1_024;

/** What a command asks of its runner in a line of its report. */
export type CommandWish =
  | { readonly kind: 'schedule'; readonly wish: OneShotWish }
  | { readonly kind: 'postpone'; readonly task: string };

export type CommandWishes = {
  /** Asks when what came before it is done. */
  readonly take: (wish: CommandWish, line: number) => void;
  /** Resolves when nothing is being asked any more. Never rejects. */
  readonly settled: () => Promise<void>;
};

/** A run has to end some time, and each of them is a write to the database. */
const MOST_WISHES = 100;

/** Asks the host one thing after the other, and says what was refused and why. */
export function openCommandWishes(
  host: Pick<RunHost, 'schedule' | 'postpone'>,
  refuse: (message: string, line: number) => void,
): CommandWishes {
  let last = Promise.resolve();
  let count = 0;
  let away: DatabaseError | undefined;
  const ask = async (wish: CommandWish, line: number): Promise<void> => {
    try {
      // A database that has just not answered for a while is not waited for once more.
      if (away !== undefined) {
        throw away;
      }
      await (wish.kind === 'schedule' ? host.schedule(wish.wish) : host.postpone(wish.task));
    } catch (thrown) {
      away = thrown instanceof DatabaseError ? thrown : away;
      refuse(messageOf(thrown), line);
    }
  };
  return {
    take: (wish, line) => {
      count += 1;
      if (count > MOST_WISHES) {
        refuse(`expected at most ${MOST_WISHES} schedule and postpone in one run, got more`, line);
        return;
      }
      last = last.then(() => ask(wish, line));
    },
    settled: async () => {
      let waited: Promise<void> | undefined;
      while (waited !== last) {
        waited = last;
        await waited;
      }
    },
  };
}

type ReadWish =
  | { readonly kind: 'wish'; readonly wish: CommandWish }
  | { readonly kind: 'fault'; readonly message: string };

/** Reads what stands behind `schedule` or `postpone` in a line. */
export function readWish(kind: CommandWish['kind'], content: JsonValue): ReadWish {
  try {
    return kind === 'schedule'
      ? { kind: 'wish', wish: { kind, wish: checkedOneShot(content) } }
      : { kind: 'wish', wish: { kind, task: checkedName('postpone', content) } };
  } catch (thrown) {
    return { kind: 'fault', message: messageOf(thrown) };
  }
}

type ReadState =
  | { readonly kind: 'reported'; readonly reported: { readonly state: JsonValue } }
  | { readonly kind: 'fault'; readonly message: string };

/** Reads what stands behind `state`: no more than the next run can be handed. */
export function readStateLine(state: JsonValue): ReadState {
  const bytes = bytesOf(state);
  return bytes <= MAX_STATE_BYTES
    ? { kind: 'reported', reported: { state } }
    : { kind: 'fault', message: `state: expected at most ${MAX_STATE_BYTES} bytes of JSON, got ${bytes}` };
}

/** The variables by which a command is told what it kept. */
export function stateVariables(
  state: JsonValue | undefined,
  say: (text: string) => void,
): Readonly<Record<string, string | undefined>> {
  const bytes = state === undefined ? 0 : bytesOf(state);
  if (bytes > MAX_STATE_BYTES) {
    say(`[state not handed over: expected at most ${MAX_STATE_BYTES} bytes of JSON, got ${bytes}]\n`);
    return { [STATE_VARIABLE]: undefined };
  }
  // Without a state of its own it must not see that of a run around this one.
  return { [STATE_VARIABLE]: state === undefined ? undefined : JSON.stringify(state) };
}

function bytesOf(value: JsonValue): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    // Nested too deeply for the call stack.
    return Number.POSITIVE_INFINITY;
  }
}
