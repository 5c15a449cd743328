import type { Duplex } from 'node:stream';
import { messageOf } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { type Answer, lineOf } from './child-questions.ts';
import type { OneShotWish, RunHost } from './execution.ts';
import { checkedName, checkedOneShot } from './one-shot.ts';
import { checkedCounter, checkedProgress, checkedStats } from './task-context.ts';

/** The run that a child process serves at the moment: nobody else is told anything, or may change anything. */
export type AskingRun = { readonly runId: string; readonly host: RunHost };

/** Beyond so many open questions of one child, it has to wait until some are answered. */
const MOST_OPEN = 64;

/**
 * The runner's end of the questions that a module in a child process has. Returns what takes a line that the child wrote:
 * true when it was a question or a progress, whatever became of it. What a module writes is checked here once more, since
 * it can write whatever it wants.
 */
export function answerOver(channel: Duplex, current: () => AskingRun | undefined): (line: string) => boolean {
  let open = 0;
  const answer = (message: Answer): void => {
    open -= 1;
    if (open < MOST_OPEN) {
      channel.resume();
    }
    if (channel.writable) {
      channel.write(lineOf(message));
    }
  };
  return (line) => {
    const message = parse(line);
    const run = current();
    const asking = run !== undefined && message?.['runId'] === run.runId ? run : undefined;
    if (message?.['kind'] === 'progress') {
      takeProgress(message, asking);
      return true;
    }
    const number = message?.['number'];
    if (message?.['kind'] !== 'question' || typeof number !== 'number') {
      return false;
    }
    open += 1;
    if (open >= MOST_OPEN) {
      channel.pause();
    }
    void answerTo(message, asking).then(
      (given) => answer({ kind: 'answer', number, ...given }),
      (thrown) => answer({ kind: 'refusal', number, message: messageOf(thrown) }),
    );
    return true;
  };
}

function takeProgress({ done, total }: JsonObject, run: AskingRun | undefined): void {
  try {
    run?.host.progress(checkedProgress(done, total));
  } catch {
    // The module was told of it already, unless it wrote this itself.
  }
}

async function answerTo(question: JsonObject, run: AskingRun | undefined): Promise<{ isSo?: boolean }> {
  if (run === undefined) {
    throw new Error('the run has ended');
  }
  const { host } = run;
  switch (question['asks']) {
    case 'still-mine':
      return { isSo: await host.stillMine() };
    case 'increment-counter': {
      const { name, by } = checkedCounter(question['name'], question['by']);
      await host.incrementCounter(name, by);
      return {};
    }
    case 'record-stats': {
      const { at } = question;
      const date = typeof at === 'number' ? new Date(at) : at;
      const stats = checkedStats(entriesIn(question['values']), date);
      await host.recordStats(stats.values, stats.at);
      return {};
    }
    case 'schedule':
      await host.schedule(checkedAgain(question['wish']));
      return {};
    case 'postpone':
      await host.postpone(checkedName('name of a task', question['task']));
      return {};
    case 'is-running':
      return { isSo: await host.isRunning(checkedName('name of a task', question['task'])) };
    default:
      throw new Error('expected a question that the runner knows, got another');
  }
}

function entriesIn(values: JsonValue | undefined): readonly (readonly [unknown, unknown])[] {
  return (Array.isArray(values) ? values : [undefined]).map((one: unknown) =>
    isJsonObject(one) ? [one['key'], one['value']] : [one, undefined],
  );
}

/** A wish as it came over the channel, in the form in which a module gives it. */
function checkedAgain(wish: JsonValue | undefined): OneShotWish {
  const { when, ...rest } = wish !== undefined && isJsonObject(wish) ? wish : {};
  const { after, at } = when !== undefined && isJsonObject(when) ? when : {};
  return checkedOneShot({ ...rest, after, at: typeof at === 'number' ? new Date(at) : at });
}

function parse(line: string): JsonObject | undefined {
  try {
    const value: JsonValue = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // Whatever a module writes to its descriptors is no question.
    return undefined;
  }
}
