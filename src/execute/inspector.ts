import { randomUUID } from 'node:crypto';
import type { Fault } from '../core/errors.ts';
import type { Inspector } from '../modules/description.ts';
import type { ChildReply, ChildRequest } from './child-messages.ts';
import { askChild } from './child-process.ts';
import { limitText } from './interruption.ts';
import type { ProcessEnd } from './run-process.ts';

export type InspectorSettings = {
  /** How long a file may take to load. */
  readonly limitMs: number;
  readonly node: string;
};

/** An inspector that loads each file in a child process of its own. */
export function createInspector(settings: InspectorSettings): Inspector {
  return {
    describe: async (file) => {
      const reply = await ask(settings, { kind: 'describe', file, runnerPid: process.pid });
      return reply.kind === 'described' ? reply : { kind: 'fault', message: messageOfReply(reply) };
    },
    check: async (file, id, options): Promise<readonly Fault[]> => {
      const reply = await ask(settings, { kind: 'check', file, id, options, runnerPid: process.pid });
      return reply.kind === 'checked' ? reply.faults : [{ field: 'module', message: messageOfReply(reply) }];
    },
  };
}

// A file that is still loading has nothing to finish.
const GRACE_MS = 500;

async function ask({ limitMs, node }: InspectorSettings, request: ChildRequest): Promise<ChildReply> {
  const run = { runId: randomUUID(), task: { id: 0, name: '' }, node, slotAt: null, attempt: 0, epoch: 0 };
  const limits = { timeoutMs: limitMs, graceMs: GRACE_MS, cancel: new AbortController().signal };
  const { end, reply } = await askChild({ request, run, limits, output: () => undefined });
  return reply ?? { kind: 'fault', message: messageOfEnd(end, limitMs) };
}

function messageOfReply(reply: ChildReply): string {
  return reply.kind === 'fault'
    ? reply.message
    : `expected another answer of the child process, got ${reply.kind}`;
}

function messageOfEnd(end: ProcessEnd, limitMs: number): string {
  switch (end.kind) {
    case 'not_started':
      return end.message;
    case 'interrupted':
      return `expected to load within ${limitText(limitMs)}, but it did not`;
    case 'ended':
      return end.exit.signal === undefined
        ? `loading it ended the process with exit status ${end.exit.exitCode}`
        : `loading it ended the process by ${end.exit.signal}`;
  }
}
