import { expect, test } from 'vitest';
import type { ServerHost, ServerLocation } from '../../src/config/config.ts';
import { parseServerUrl } from '../../src/config/server-url.ts';
import { DatabaseError } from '../../src/core/errors.ts';
import { connectToFirst } from '../../src/store/hosts.ts';
import { programNameOf } from '../../src/store/program-name.ts';
import { type ConnectError, networkKindOf, ReadOnlyServerError } from '../../src/store/server-errors.ts';

const kindOf = (error: unknown) => networkKindOf(error) ?? 'fault';

function locationOf(hosts: string): ServerLocation {
  return {
    ...parseServerUrl('postgres', `//runner@${hosts}/tasks`, '/'),
    connectTimeoutMs: 20,
    origin: 'the tests',
  };
}

/** Connects where each host says in its turn what the list says; `silent` never says anything. */
async function connect(hosts: string, answers: ReadonlyArray<string | Error>) {
  const asked: ServerHost[] = [];
  const destroyed: ServerHost[] = [];
  const begin = (host: ServerHost) => {
    const answer = answers[asked.length];
    asked.push(host);
    return { made: answered(answer), destroy: () => destroyed.push(host) };
  };
  const result = await connectToFirst(locationOf(hosts), { begin, kindOf }).catch((error: unknown) => error);
  return { result, asked: asked.length, destroyed: destroyed.length };
}

function answered(answer: string | Error | undefined): Promise<string> {
  if (answer === 'silent') {
    return new Promise(() => undefined);
  }
  return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(String(answer));
}

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

/** What Node says of a name with several addresses: its own message is empty. */
function noAddress(codes: readonly string[]): AggregateError {
  return Object.assign(new AggregateError(codes.map(systemError), 'none'), { message: '' });
}

test('the first server that has it is connected to, and the ones before it are let go', async () => {
  const refused = systemError('ECONNREFUSED');
  expect(await connect('a,b,c', [refused, 'connected', 'never asked'])).toEqual({
    result: 'connected',
    asked: 2,
    destroyed: 1,
  });
});

test('a server that says nothing is left for the next one when its time is over', async () => {
  expect(await connect('a,b', ['silent', 'connected'])).toMatchObject({ result: 'connected', destroyed: 1 });
});

test.each([
  ['a', [systemError('ECONNREFUSED')], 'unreachable', 'connect ECONNREFUSED'],
  ['a', ['silent'], 'unreachable', 'a:5432 gave no answer for 0.02 s'],
  [
    'a,[::1]:5433',
    [systemError('ECONNREFUSED'), new ReadOnlyServerError('the server only reads')],
    'reconnect',
    'a:5432: connect ECONNREFUSED; [::1]:5433: the server only reads',
  ],
  [
    'a,b',
    [new Error('wrong password'), systemError('ENOTFOUND')],
    'fault',
    'a:5432: wrong password; b:5432: connect ENOTFOUND',
  ],
  [
    'a',
    [noAddress(['ECONNREFUSED', 'EHOSTUNREACH'])],
    'unreachable',
    'connect ECONNREFUSED, connect EHOSTUNREACH',
  ],
] as const)(
  'what servers %s say is told by the one that says most',
  async (hosts, answers, kind, message) => {
    const { result, destroyed } = await connect(hosts, answers);
    expect((result as ConnectError).message).toBe(message);
    expect(kindOf(result)).toBe(kind);
    expect(destroyed).toBe(answers.length);
  },
);

test('a fault of the configuration is told as it is, and no other server is asked', async () => {
  const fault = new DatabaseError('the password of database d: $SECRET is not set');
  expect(await connect('a,b', [fault, 'connected'])).toEqual({ result: fault, asked: 1, destroyed: 1 });
});

test.each([
  [undefined, 'periodic-cron'],
  ['alpha', 'periodic-cron@alpha'],
  ['n'.repeat(80), `periodic-cron@${'n'.repeat(49)}`],
  ['😀'.repeat(20), `periodic-cron@${'😀'.repeat(12)}`],
])('a connection for node %s calls itself so, in 63 bytes', (node, name) => {
  expect(programNameOf({ node })).toBe(name);
});
