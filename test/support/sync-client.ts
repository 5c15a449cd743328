import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Row } from '../../src/store/driver.ts';

export type SqlParam = string | number | null;

/** A connection to a server that makes its caller wait, as a connection to a SQLite file does. */
export type SyncClient = {
  /**
   * Runs a statement; its placeholders are `?`. Without parameters it may be several, of which no rows come back. Rows
   * read as those of SQLite: numbers for big integers and sums, 0 and 1 for booleans.
   */
  readonly ask: (sql: string, params?: readonly SqlParam[]) => Answer;
  readonly close: () => void;
};

export type Answer = { readonly rows: readonly Row[]; readonly changes: number };

type Fault = { readonly message: string; readonly code: string | undefined };

const ANSWER_LIMIT_MS = 60_000;

/** Opens a connection at its first statement. `url` may hold a password. */
export function openSyncClient(url: string): SyncClient {
  const channel = new MessageChannel();
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./sync-client-worker.js', import.meta.url), {
    workerData: { url, port: channel.port2, answered },
    transferList: [channel.port2],
    execArgv: [],
  });
  worker.unref();
  const exchange = (request: unknown): Answer => {
    Atomics.store(answered, 0, 0);
    channel.port1.postMessage(request);
    let waited = Atomics.wait(answered, 0, 0, ANSWER_LIMIT_MS);
    // The call that told of the answer before may come only now, and wake this thread too early.
    while (waited === 'ok' && Atomics.load(answered, 0) === 0) {
      waited = Atomics.wait(answered, 0, 0, ANSWER_LIMIT_MS);
    }
    const answer: Answer | Fault | undefined = receiveMessageOnPort(channel.port1)?.message;
    if (waited === 'timed-out' || answer === undefined) {
      throw new Error(`expected an answer from the database within a minute, got none: ${String(request)}`);
    }
    if ('message' in answer) {
      throw Object.assign(new Error(answer.message), { code: answer.code });
    }
    return answer;
  };
  return {
    ask: (sql, params = []) => exchange({ sql, params }),
    close: () => {
      exchange('close');
      channel.port1.close();
    },
  };
}
