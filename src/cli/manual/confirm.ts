import type { Readable } from 'node:stream';
import type { AboutToRun, Confirm, Confirmation } from '../../runner/confirmation.ts';
import { optionsText } from '../describe-task.ts';
import { renderFields } from '../table.ts';
import { cut, type Paint, printable } from '../terminal.ts';
import { instantText } from '../times.ts';
import type { After } from './progress-bar.ts';

/** Where a confirmation is asked for. */
export type Prompt = {
  readonly stdin: Readable;
  /** Writes to the terminal as it is. */
  readonly write: (text: string) => void;
  readonly paint: Paint;
  /** False when there is nobody at the other end: what asks or what answers is no terminal. */
  readonly isTerminal: boolean;
  /** Aborted when the program is told to end. */
  readonly cancel: AbortSignal;
  readonly after: After;
  /** Who answers, by the name of the system user; also the user as whom commands run that name no other. */
  readonly actor: string;
};

const LIMIT_S = 30;
const YES = 'yes';
/** Of an answer, so much is read at most, and so much of it is told. */
const MOST_READ = 1_000;
const MOST_TOLD = 40;

/** The way in which scripts confirm. */
export const CONFIRMED_BY_FLAG: Confirm = () => Promise.resolve({ kind: 'confirmed', by: '--confirm' });

/** Shows what is about to run, and takes only the line `yes` for a yes, typed after the question and within 30 seconds. */
export function confirmAt(prompt: Prompt): Confirm {
  return async (about) => {
    if (!prompt.isTerminal) {
      return { kind: 'refused', why: 'there is no terminal to ask on, and no --confirm' };
    }
    await dropTyped(prompt.stdin);
    prompt.write(questionText(about, prompt));
    const answer = await readAnswer(prompt);
    if (answer.kind !== 'line') {
      // The answer did not end the line of the question.
      prompt.write('\n');
    }
    return confirmationOf(answer, prompt.actor);
  };
}

function questionText({ task, overrides, node, rerunOf }: AboutToRun, { paint, actor }: Prompt): string {
  const { user } = task.options;
  const changed = Object.keys(overrides);
  const fields = renderFields(
    [
      ['task', `${task.name} (id ${task.id})`],
      ['module', task.module],
      ['options', optionsText({ fields: task }) || 'none'],
      ...(changed.length === 0 ? [] : [['for this run', changed.join(', ')] as const]),
      ...(rerunOf === null
        ? []
        : [
            [
              'slot',
              `${rerunOf.slot === null ? '-' : instantText(rerunOf.slot)}, as run ${rerunOf.id}`,
            ] as const,
          ]),
      ['node', node],
      ['user', task.runUser ?? (typeof user === 'string' ? user : actor)],
    ],
    paint,
  );
  return `This task asks for a confirmation. About to run:\n${fields}Type "${YES}" within ${LIMIT_S}s to run it: `;
}

type Answer =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'end' }
  | { readonly kind: 'silence' }
  | { readonly kind: 'interrupted' };

function confirmationOf(answer: Answer, actor: string): Confirmation {
  switch (answer.kind) {
    case 'line':
      return answer.text === YES
        ? { kind: 'confirmed', by: actor }
        : { kind: 'refused', why: `answered ${JSON.stringify(cut(printable(answer.text), MOST_TOLD))}` };
    case 'end':
      return { kind: 'refused', why: 'the input ended without an answer' };
    case 'silence':
      return { kind: 'refused', why: `no answer within ${LIMIT_S}s` };
    case 'interrupted':
      return { kind: 'refused', why: 'interrupted' };
  }
}

/** Each lets what the terminal holds ready come in. */
const TURNS = 3;

/** Drops what was typed before the question: it answers none. */
async function dropTyped(stdin: Readable): Promise<void> {
  const drop = (): void => undefined;
  stdin.on('data', drop).on('error', drop);
  stdin.resume();
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  stdin.pause();
  stdin.off('data', drop).off('error', drop);
}

/** Reads one line. The input is left as it was found: nothing is read, and the program may end. */
function readAnswer({ stdin, cancel, after }: Prompt): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (answer: Answer): void => {
      stopTimer();
      cancel.removeEventListener('abort', onAbort);
      stdin.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onEnd);
      stdin.pause();
      resolve(answer);
    };
    const onData = (chunk: Buffer | string): void => {
      text += String(chunk);
      const end = text.search(/[\r\n]/);
      if (end >= 0 || text.length > MOST_READ) {
        finish({ kind: 'line', text: text.slice(0, end >= 0 ? end : MOST_READ) });
      }
    };
    const onEnd = (): void => finish({ kind: 'end' });
    const onAbort = (): void => finish({ kind: 'interrupted' });
    const stopTimer = after(LIMIT_S * 1_000, () => finish({ kind: 'silence' }));
    cancel.addEventListener('abort', onAbort, { once: true });
    if (cancel.aborted) {
      onAbort();
    } else if (stdin.readableEnded || stdin.destroyed) {
      onEnd();
    } else {
      stdin.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onEnd);
      // An input that was paused after an earlier answer does not flow again by itself.
      stdin.resume();
    }
  });
}
