import type { Duplex } from 'node:stream';
import { childEntryPath } from './child-entry-path.ts';
import { type ChildReply, type ChildRequest, onLines, readReply } from './child-messages.ts';
import { answerQuestion } from './child-questions.ts';
import { environmentOfRun } from './environment.ts';
import type { RunFacts } from './execution.ts';
import { type Limits, withResolve } from './interruption.ts';
import type { OutputCapture } from './output-capture.ts';
import { type ProcessEnd, runProcess } from './run-process.ts';

export type ChildTask = {
  readonly request: ChildRequest;
  readonly run: RunFacts;
  readonly limits: Limits;
  readonly capture: OutputCapture;
  /** Answers what the module asks; absent where nothing runs that could ask. */
  readonly stillMine?: () => Promise<boolean>;
};

export type ChildEnd = {
  readonly end: ProcessEnd;
  /** Absent when the child ended without an answer, or gave one that is none. */
  readonly reply: ChildReply | undefined;
};

/** Has a child process of Node do what the request says. Never rejects. */
export async function askChild({ request, run, limits, capture, stillMine }: ChildTask): Promise<ChildEnd> {
  const { promise: done, resolve: setDone } = withResolve<void>();
  let reply: ChildReply | undefined;
  const open = (channel: Duplex): void => {
    onLines(channel, (line) => {
      if (stillMine !== undefined && answerQuestion(line, channel, stillMine)) {
        return;
      }
      const read = readReply(line);
      if (read !== undefined && reply === undefined) {
        reply = read;
        setDone();
      }
    });
    channel.write(`${JSON.stringify(request)}\n`);
  };
  const spec = {
    runId: run.runId,
    file: process.execPath,
    args: [childEntryPath()],
    env: environmentOfRun(run, {}),
    talk: { open, done },
  };
  const end = await runProcess(spec, limits, capture);
  return { end, reply };
}
