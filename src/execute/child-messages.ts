import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Fault } from '../core/errors.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type Outcome, remarkOf } from '../core/outcome.ts';
import { type DescribedModule, readDescribedModules, readFaults } from '../modules/description.ts';
import { MAX_JSON_BYTES } from '../modules/json-copy.ts';
import type { RunFacts } from './execution.ts';
import type { ModuleEnd } from './module-outcome.ts';

/**
 * What a child process is asked to do, as a line of JSON. After a run it may be asked for another one of the same file;
 * the other requests are the only ones in its life.
 */
export type ChildRequest =
  | { readonly kind: 'describe'; readonly file: string; readonly runnerPid: number }
  | {
      readonly kind: 'check';
      readonly file: string;
      readonly id: string;
      readonly options: JsonValue;
      readonly runnerPid: number;
    }
  | {
      readonly kind: 'run';
      readonly file: string;
      readonly id: string;
      readonly options: JsonValue;
      readonly run: RunFacts;
      readonly state?: JsonValue;
      /** The variables that tell of the run, anew for each. */
      readonly environment: Readonly<Record<string, string | undefined>>;
      /** What only shipped modules are given. */
      readonly lent?: JsonValue;
    };

/** What it answers, as lines of JSON: a run is accepted, answered once, and left idle if another one may follow. */
export type ChildReply =
  | { readonly kind: 'accepted' | 'idle'; readonly runId: string }
  | { readonly kind: 'described'; readonly modules: readonly DescribedModule[] }
  | { readonly kind: 'checked'; readonly faults: readonly Fault[] }
  | { readonly kind: 'ended'; readonly end: ModuleEnd }
  /** The file did not load, or does not hold what was asked for. */
  | { readonly kind: 'fault'; readonly message: string };

// Node's own channel between processes is not used: whatever a module writes to its descriptor, by accident or not,
// would be thrown as an error in the runner.
/** The descriptor of a child process over which it talks with the process that started it. */
export const CHANNEL_DESCRIPTOR = 3;

/**
 * Hands over each line that comes, until the channel is destroyed. A line that grows beyond what any message may be ends
 * the channel.
 */
export function onLines(channel: Duplex, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let text = '';
  channel.on('data', (chunk: Buffer) => {
    const lines = (text + decoder.write(chunk)).split('\n');
    text = lines.pop() ?? '';
    if (text.length > MAX_LINE_LENGTH) {
      channel.destroy();
    }
    for (const line of lines) {
      if (channel.destroyed) {
        return;
      }
      onLine(line);
    }
  });
}

// A result and a state of the greatest size, their quotes escaped, and some room for the rest.
const MAX_LINE_LENGTH = 5 * MAX_JSON_BYTES;

/** Reads a reply; `undefined` for anything that is none, since a module may write to the channel as well. */
export function readReply(line: string): ChildReply | undefined {
  const value = parseLine(line);
  if (!isJsonObject(value)) {
    return undefined;
  }
  switch (value['kind']) {
    case 'accepted':
    case 'idle': {
      const { kind, runId } = value;
      return typeof runId === 'string' ? { kind, runId } : undefined;
    }
    case 'described': {
      const modules = readDescribedModules(value['modules']);
      return modules && { kind: 'described', modules };
    }
    case 'checked': {
      const faults = readFaults(value['faults']);
      return faults && { kind: 'checked', faults };
    }
    case 'ended': {
      const end = readModuleEnd(value['end']);
      return end && { kind: 'ended', end };
    }
    case 'fault':
      return typeof value['message'] === 'string' ? { kind: 'fault', message: value['message'] } : undefined;
    default:
      return undefined;
  }
}

function parseLine(line: string): JsonValue | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function readModuleEnd(value: JsonValue | undefined): ModuleEnd | undefined {
  if (value === undefined || !isJsonObject(value)) {
    return undefined;
  }
  const outcome = readOutcome(value['outcome']);
  const state = value['state'];
  return outcome && (state === undefined ? { outcome } : { outcome, state });
}

// A child tells only what its module did: that it was timed out or cancelled is for the runner to say. A module may have
// written this itself, so that what it says is cut here once more.
function readOutcome(value: JsonValue | undefined): Outcome | undefined {
  if (value === undefined || !isJsonObject(value)) {
    return undefined;
  }
  const { kind, message, reason, result } = value;
  const given = result === undefined ? {} : { result };
  if (kind === 'succeeded') {
    return { kind, ...given };
  }
  if (kind === 'stopped' && typeof reason === 'string') {
    return { kind, reason: remarkOf(reason), ...given };
  }
  return kind === 'failed' && typeof message === 'string' ? { kind, message: remarkOf(message) } : undefined;
}
