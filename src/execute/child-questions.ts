import type { Duplex } from 'node:stream';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { KeyedValue, OneShotWish, RunHost } from './execution.ts';

// A module in a child process has questions and wishes that only the runner can answer, since it alone has the database.
// They go over the channel as lines of JSON, beside the requests and the replies. This is the child's end.

/** What a module asks of its runner; the runner trusts nothing of it. */
export type Question =
  | { readonly asks: 'still-mine' }
  | { readonly asks: 'increment-counter'; readonly name: string; readonly by: number }
  | { readonly asks: 'record-stats'; readonly values: readonly KeyedValue[]; readonly at?: number }
  | { readonly asks: 'schedule'; readonly wish: OneShotWish }
  | { readonly asks: 'postpone' | 'is-running'; readonly task: string };

/** What the runner answers: for `still-mine` and `is-running` whether it is. */
export type Answer =
  | { readonly kind: 'answer'; readonly number: number; readonly isSo?: boolean }
  | { readonly kind: 'refusal'; readonly number: number; readonly message: string };

/** The end of the channel at which a module asks. */
export type Questions = {
  /** The runner as one run sees it: what asks for that run when it is over is refused. */
  readonly hostOf: (runId: string) => RunHost;
  /** Takes a line that came from the runner; false for one that answers nothing. */
  readonly take: (line: string) => boolean;
};

/** `hold` keeps the process alive while a question is open, `release` lets it go. */
export function askOver(
  channel: Duplex,
  { hold, release }: { readonly hold: () => void; readonly release: () => void },
): Questions {
  const open = new Map<number, (answer: Answer) => void>();
  let count = 0;
  const ask = (runId: string, question: Question): Promise<Answer> =>
    new Promise((resolve) => {
      count += 1;
      open.set(count, resolve);
      hold();
      channel.write(lineOf({ kind: 'question', number: count, runId, ...question }));
    });
  return {
    hostOf: (runId) => ({
      stillMine: async () => {
        const answer = await ask(runId, { asks: 'still-mine' });
        return answer.kind === 'answer' && answer.isSo === true;
      },
      progress: (progress) => {
        channel.write(lineOf({ kind: 'progress', runId, ...progress }));
      },
      incrementCounter: async (name, by) =>
        void expectDone(await ask(runId, { asks: 'increment-counter', name, by })),
      recordStats: async (values, at) => {
        const given = at === undefined ? {} : { at };
        expectDone(await ask(runId, { asks: 'record-stats', values, ...given }));
      },
      schedule: async (wish) => void expectDone(await ask(runId, { asks: 'schedule', wish })),
      postpone: async (task) => void expectDone(await ask(runId, { asks: 'postpone', task })),
      isRunning: async (task) => expectDone(await ask(runId, { asks: 'is-running', task })),
    }),
    take: (line) => {
      const answer = readAnswer(line);
      if (answer === undefined) {
        return false;
      }
      const resolve = open.get(answer.number);
      open.delete(answer.number);
      if (resolve !== undefined && open.size === 0) {
        release();
      }
      resolve?.(answer);
      return true;
    },
  };
}

function expectDone(answer: Answer): boolean {
  if (answer.kind === 'refusal') {
    throw new Error(answer.message);
  }
  return answer.isSo === true;
}

/** A message as it goes over the channel. */
export function lineOf(message: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(message)}\n`;
}

function readAnswer(line: string): Answer | undefined {
  // Only the runner writes here.
  const value: JsonValue = JSON.parse(line);
  const { kind, number, isSo, message } = isJsonObject(value) ? value : {};
  if (typeof number !== 'number') {
    return undefined;
  }
  if (kind === 'refusal') {
    return { kind, number, message: String(message) };
  }
  return kind === 'answer' ? { kind, number, ...(typeof isSo === 'boolean' ? { isSo } : {}) } : undefined;
}
