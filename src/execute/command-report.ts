import { messageOf } from '../core/errors.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { remarkOf } from '../core/outcome.ts';
import { MAX_JSON_BYTES } from '../modules/json-copy.ts';
import { shown } from '../modules/option-faults.ts';
import { type CommandWish, openCommandWishes, readStateLine, readWish } from './command-wishes.ts';
import type { Progress, RunHost } from './execution.ts';
import { checkedProgress } from './task-context.ts';

/** Where the processes of a command may report, by a name that opens descriptor 3. */
export const REPORT_VARIABLE = 'PERIODIC_CRON_REPORT';
export const REPORT_PATH = '/dev/fd/3';

/** What a command has reported by its end. */
export type Reported = {
  readonly result?: JsonValue;
  readonly stopReason?: string;
  /** What it keeps for its next run. */
  readonly state?: JsonValue;
};

export type CommandReport = {
  /** Makes a reader for the reports of one process. */
  readonly open: () => ReportReader;
  /** What counts of all that was read, to be called when nothing more is read for now. */
  readonly close: () => Reported;
  /** Resolves when all that was asked for until now is done or refused. Never rejects. */
  readonly settled: () => Promise<void>;
};

export type ReportReader = {
  readonly take: (chunk: Buffer) => void;
  /** To be called when nothing more comes: a last line may lack its end. */
  readonly end: () => void;
};

/**
 * Reads lines of JSON: `{"progress": {"done": 3, "total": 10}}` goes to the host at once, of `{"result": …}`,
 * `{"state": …}` and `{"stop": "reason"}` the last one counts, and `{"schedule": {…}}` and `{"postpone": "NAME"}` are asked
 * of the host one after the other. Any other line is ignored and a wish may be refused, which `say` tells in a line of
 * text; a flood of them is told only to begin with and in sum. Never throws, and holds at most about one line in memory.
 */
export function openCommandReport(
  host: Pick<RunHost, 'progress' | 'schedule' | 'postpone'>,
  say: (text: string) => void,
): CommandReport {
  let reported: Reported = {};
  let lineNumber = 0;
  const ignored = tellSome(say, 'ignored');
  // Counted apart: noise must not hide that something was wanted and refused.
  const refused = tellSome(say, 'refused');
  const isGivenUp = (): boolean => ignored.count() + refused.count() >= MAX_IGNORED;
  const wishes = openCommandWishes(host, refused.tell);
  const takeLine = (line: Buffer | undefined): Progress | undefined => {
    lineNumber += 1;
    const read = line === undefined ? TOO_LONG : readReportLine(line.toString('utf8'));
    switch (read?.kind) {
      case 'fault':
        ignored.tell(read.message, lineNumber);
        return undefined;
      case 'progress':
        return read.progress;
      case 'reported':
        reported = { ...reported, ...read.reported };
        return undefined;
      case 'wish':
        wishes.take(read.wish, lineNumber);
        return undefined;
      default:
        return undefined;
    }
  };
  // Only the newest progress of a piece is told, so that a flood of it costs little.
  const tellLast = (lines: ReadonlyArray<Buffer | undefined>): void => {
    let newest: Progress | undefined;
    for (const line of lines) {
      if (isGivenUp()) {
        break;
      }
      newest = takeLine(line) ?? newest;
    }
    if (newest !== undefined) {
      host.progress(newest);
    }
  };
  return {
    open: () => openReader(tellLast, isGivenUp),
    close: () => {
      const givenUp = `reports were not read any more after ${MAX_IGNORED} lines that are none`;
      ignored.sum(isGivenUp() ? givenUp : undefined);
      refused.sum();
      return reported;
    },
    settled: wishes.settled,
  };
}

const MAX_TOLD = 10;

type Telling = {
  readonly tell: (message: string, lineNumber: number) => void;
  readonly count: () => number;
  /** Says how many were not told since the last sum, or the text instead. */
  readonly sum: (text?: string) => void;
};

/** Tells the first lines one by one, and the others in sum. */
function tellSome(say: (text: string) => void, what: 'ignored' | 'refused'): Telling {
  let count = 0;
  let toldInSum = 0;
  return {
    tell: (message, lineNumber) => {
      count += 1;
      if (count <= MAX_TOLD) {
        say(`[report line ${lineNumber} ${what}: ${message}]\n`);
      }
    },
    count: () => count,
    sum: (text) => {
      const untold = count - MAX_TOLD - toldInSum;
      if (untold > 0) {
        toldInSum += untold;
        say(`[${text ?? `${untold} more report ${untold === 1 ? 'line' : 'lines'} ${what}`}]\n`);
      }
    },
  };
}

/** Whoever writes so many does not mean to report, and reading on would only keep the runner from its other work. */
const MAX_IGNORED = 1_000;
// A result of the greatest size and what stands around it.
const MAX_LINE_BYTES = MAX_JSON_BYTES + 1_024;
const MAX_REASON_LENGTH = 1_000;

const NEWLINE = 0x0a;

/** Cuts what comes into lines; one that is too long is handed over as undefined. */
function openReader(
  takeLines: (lines: ReadonlyArray<Buffer | undefined>) => void,
  isGivenUp: () => boolean,
): ReportReader {
  const pending = openLine();
  return {
    take: (chunk) => {
      if (isGivenUp()) {
        return;
      }
      const lines: Array<Buffer | undefined> = [];
      let from = 0;
      for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
        lines.push(pending.endWith(chunk.subarray(from, to)));
        from = to + 1;
      }
      pending.add(chunk.subarray(from));
      takeLines(lines);
    },
    end: () => {
      if (!pending.isEmpty()) {
        takeLines([pending.endWith(NOTHING)]);
      }
    },
  };
}

type PendingLine = {
  readonly isEmpty: () => boolean;
  readonly add: (part: Buffer) => void;
  /** The whole line, which may be a part of `part`; undefined for one that is too long. */
  readonly endWith: (part: Buffer) => Buffer | undefined;
};

const NOTHING = Buffer.alloc(0);
const FIRST_ROOM = 4_096;

/** A line that comes in pieces. However small they are, it takes no more than twice its own room. */
function openLine(): PendingLine {
  let room = NOTHING;
  let length = 0;
  const add = (part: Buffer): void => {
    const from = length;
    length += part.length;
    if (length > MAX_LINE_BYTES) {
      room = NOTHING;
      return;
    }
    if (length > room.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * room.length, FIRST_ROOM));
      room.copy(larger, 0, 0, from);
      room = larger;
    }
    part.copy(room, from);
  };
  return {
    isEmpty: () => length === 0,
    add,
    endWith: (part) => {
      if (length === 0) {
        return part.length > MAX_LINE_BYTES ? undefined : part;
      }
      add(part);
      const line = length > MAX_LINE_BYTES ? undefined : room.subarray(0, length);
      room = NOTHING;
      length = 0;
      return line;
    },
  };
}

type ReadLine =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'reported'; readonly reported: Reported }
  | { readonly kind: 'wish'; readonly wish: CommandWish }
  | { readonly kind: 'fault'; readonly message: string };

const EXPECTED =
  'expected {"progress": …}, {"result": …}, {"state": …}, {"schedule": {…}}, {"postpone": "…"} or {"stop": "…"}';
const TOO_LONG: ReadLine = { kind: 'fault', message: `expected at most ${MAX_JSON_BYTES} bytes, got more` };

/** What a line says; undefined for an empty one. */
function readReportLine(line: string): ReadLine | undefined {
  if (line.trim() === '') {
    return undefined;
  }
  let value: JsonValue;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: 'fault', message: `${EXPECTED}, got ${shown(line)}` };
  }
  const [entry, ...others] = isJsonObject(value) ? Object.entries(value) : [];
  if (entry === undefined || others.length > 0) {
    return { kind: 'fault', message: `${EXPECTED}, got ${shownLine(line)}` };
  }
  const [key, content] = entry;
  switch (key) {
    case 'progress':
      return readProgress(content);
    case 'result':
      return readResult(content);
    case 'stop':
      return readStopReason(content);
    case 'state':
      return readStateLine(content);
    case 'schedule':
    case 'postpone':
      return readWish(key, content);
    default:
      return { kind: 'fault', message: `${EXPECTED}, got ${shownLine(line)}` };
  }
}

function shownLine(line: string): string {
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function readProgress(content: JsonValue): ReadLine {
  try {
    const { done, total } = isJsonObject(content) ? content : {};
    return { kind: 'progress', progress: checkedProgress(done, total) };
  } catch (thrown) {
    return { kind: 'fault', message: messageOf(thrown) };
  }
}

function readResult(result: JsonValue): ReadLine {
  try {
    // Text that is short may stand for more: 1e20 is written with all its digits.
    const bytes = Buffer.byteLength(JSON.stringify(result));
    return bytes <= MAX_JSON_BYTES
      ? { kind: 'reported', reported: { result } }
      : { kind: 'fault', message: `result: expected at most ${MAX_JSON_BYTES} bytes of JSON, got ${bytes}` };
  } catch (thrown) {
    return { kind: 'fault', message: `result: ${messageOf(thrown)}` };
  }
}

function readStopReason(reason: JsonValue): ReadLine {
  return typeof reason === 'string' && reason.trim() !== '' && reason.length <= MAX_REASON_LENGTH
    ? { kind: 'reported', reported: { stopReason: remarkOf(reason) } }
    : {
        kind: 'fault',
        message: `stop: expected a reason of 1 to ${MAX_REASON_LENGTH} characters, got ${shown(reason)}`,
      };
}
