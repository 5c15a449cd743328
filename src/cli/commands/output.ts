import type { Command } from 'commander';
import { NotFoundError } from '../../core/errors.ts';
import { harmless } from '../../execute/harmless.ts';
import { findRunById, type RunWithOutput } from '../../store/history.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { runJson } from '../run-view.ts';
import { withSession } from '../session.ts';
import { countValue } from '../values.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Print what a run printed, both streams in order, as far as it was kept.')
    .argument('<run>', 'number of the run, as history prints it')
    .option('--raw', 'print it byte for byte; control characters may do anything to a terminal')
    .action(actionOf(showOutput));
}

type Flags = { readonly raw?: boolean };

function showOutput(context: Context, run: string, { raw }: Flags): Promise<number> {
  const id = countValue('output', run, { min: 1, max: Number.MAX_SAFE_INTEGER });
  return withSession(context, { readOnly: true }, async ({ store }) => {
    const found = await findRunById(store.database, id);
    if (found === undefined) {
      throw new NotFoundError(`there is no run ${id}: "periodic-cron history" lists those that there are`);
    }
    print(context.output, found, raw === true);
    return EXIT.ok;
  });
}

function print(output: Output, found: RunWithOutput, isRaw: boolean): void {
  const { run, output: text } = found;
  if (output.isJson) {
    output.document({ run: runJson(run), output: text, bytes: run.outputBytes, cut: isCut(found) });
  } else if (text !== '') {
    output.text(isRaw ? text : withLineEnd(harmless(text)));
  } else {
    output.note(nothingText(found));
  }
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function nothingText({ run }: RunWithOutput): string {
  const what = `run ${run.id} of task ${JSON.stringify(run.taskName)}`;
  return run.status === 'running'
    ? `${what} is still running: its output is kept when it ends`
    : `${what} (${run.status}) has no output`;
}

const MARK = /\n\[(\d+) bytes left out\]\n/g;

/**
 * Whether the middle was left out. The mark alone does not prove it, since a task may print such a line itself; so the
 * bytes have to add up, where each replacement character stands for one to three bytes.
 */
function isCut({ run, output: text }: RunWithOutput): boolean {
  return [...text.matchAll(MARK)].some(([mark, missing]) => {
    const most = Buffer.byteLength(text) - mark.length;
    const least = most - 2 * (text.split('\uFFFD').length - 1);
    const kept = run.outputBytes - Number(missing);
    return kept >= least && kept <= most;
  });
}
