import { messageOf } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { type Outcome, remarkOf } from '../core/outcome.ts';
import { jsonCopyOf } from '../modules/json-copy.ts';
import { readStop } from '../modules/module.ts';

/** How a module's run ended, and what it wants to keep. */
export type ModuleEnd = { readonly outcome: Outcome; readonly state?: JsonValue };

/** Runs a module's code to its outcome, whatever it returns or throws. */
export async function settle(run: () => unknown): Promise<Outcome> {
  try {
    return outcomeOfResult(await run());
  } catch (thrown) {
    return { kind: 'failed', message: messageOfThrown(thrown) };
  }
}

function outcomeOfResult(returned: unknown): Outcome {
  const stopped = readStop(returned);
  const result = stopped === undefined ? returned : stopped.result;
  const copy = result === undefined ? undefined : jsonCopyOf(result, 'result');
  if (copy?.kind === 'fault') {
    return { kind: 'failed', message: copy.message };
  }
  const given = copy === undefined ? {} : { result: copy.value };
  return stopped === undefined
    ? { kind: 'succeeded', ...given }
    : { kind: 'stopped', reason: remarkOf(stopped.reason), ...given };
}

/** An outcome with the state that goes with it: a failed run leaves the state as it was. */
export function endOf(outcome: Outcome, state: JsonValue | undefined): ModuleEnd {
  const isKept = outcome.kind === 'succeeded' || outcome.kind === 'stopped';
  return isKept && state !== undefined ? { outcome, state } : { outcome };
}

/** Says in one line of bounded length what a module threw, whatever it was. */
export function messageOfThrown(thrown: unknown): string {
  try {
    return remarkOf(messageOf(thrown));
  } catch {
    return 'threw a value that cannot be shown';
  }
}
