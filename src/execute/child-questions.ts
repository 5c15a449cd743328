import type { Duplex } from 'node:stream';
import { isJsonObject, type JsonValue } from '../core/json.ts';

// A module in a child process has questions that only the runner can answer, since it alone has the database. They go
// over the channel as lines of JSON, beside the one request and the one reply.

type Question = { readonly kind: 'still-mine'; readonly number: number };
type Answer = { readonly kind: 'answer'; readonly number: number; readonly isMine: boolean };

/** The end of the channel at which a module asks. */
export type Questions = {
  readonly stillMine: () => Promise<boolean>;
  /** Takes a line that came from the runner. */
  readonly take: (line: string) => void;
};

/** `hold` keeps the process alive while a question is open, `release` lets it go. */
export function askOver(
  channel: Duplex,
  { hold, release }: { readonly hold: () => void; readonly release: () => void },
): Questions {
  const open = new Map<number, (isMine: boolean) => void>();
  let count = 0;
  return {
    stillMine: () =>
      new Promise((resolve) => {
        count += 1;
        open.set(count, resolve);
        hold();
        channel.write(lineOf({ kind: 'still-mine', number: count }));
      }),
    take: (line) => {
      const answer = readAnswer(line);
      const resolve = answer === undefined ? undefined : open.get(answer.number);
      if (answer === undefined || resolve === undefined) {
        return;
      }
      open.delete(answer.number);
      if (open.size === 0) {
        release();
      }
      resolve(answer.isMine);
    },
  };
}

/** Answers a line that a child wrote, if it is a question. False for any other line. */
export function answerQuestion(line: string, channel: Duplex, stillMine: () => Promise<boolean>): boolean {
  const number = numberOfQuestion(line);
  if (number === undefined) {
    return false;
  }
  void stillMine()
    .catch(() => false)
    .then((isMine) => {
      if (channel.writable) {
        channel.write(lineOf({ kind: 'answer', number, isMine }));
      }
    });
  return true;
}

function lineOf(message: Question | Answer): string {
  return `${JSON.stringify(message)}\n`;
}

function numberOfQuestion(line: string): number | undefined {
  const value = parse(line);
  return value?.['kind'] === 'still-mine' && typeof value['number'] === 'number'
    ? value['number']
    : undefined;
}

function readAnswer(line: string): Omit<Answer, 'kind'> | undefined {
  const value = parse(line);
  const { kind, number, isMine } = value ?? {};
  return kind === 'answer' && typeof number === 'number' && typeof isMine === 'boolean'
    ? { number, isMine }
    : undefined;
}

function parse(line: string): Readonly<Record<string, JsonValue | undefined>> | undefined {
  try {
    const value: JsonValue = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // Whatever a module writes to its descriptors is no question.
    return undefined;
  }
}
