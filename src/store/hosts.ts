import type { ServerHost, ServerLocation } from '../config/config.ts';
import { PeriodicCronError } from '../core/errors.ts';
import { answered } from './answered.ts';
import { ConnectError, type ErrorKind, wordsOf } from './server-errors.ts';

/** A connection in the making. `destroy` ends it at once, made or not. */
export type Attempt<T> = { readonly made: Promise<T>; readonly destroy: () => void };

export type Connecting<T> = {
  readonly begin: (host: ServerHost) => Attempt<T>;
  readonly kindOf: (error: unknown) => ErrorKind;
};

type Failure = { readonly host: ServerHost; readonly error: unknown };

/**
 * Connects to the first of a location's servers that will have it. Each has the location's time limit for all that
 * making a connection takes.
 *
 * @throws ConnectError with what each of them said; whatever is wrong before the first one is asked
 */
export async function connectToFirst<T>(location: ServerLocation, connecting: Connecting<T>): Promise<T> {
  const failures: Failure[] = [];
  for (const host of location.hosts) {
    const { made, destroy } = connecting.begin(host);
    try {
      return await answered(made, location.connectTimeoutMs, nameOf(host));
    } catch (error) {
      destroy();
      if (error instanceof PeriodicCronError) {
        throw error;
      }
      failures.push({ host, error });
    }
  }
  throw connectError(failures, connecting.kindOf);
}

/** A server that is only starting, or not writable yet, is worth waiting for, whatever the others said. */
const TELLING: readonly ErrorKind[] = ['reconnect', 'repeat', 'fault', 'unreachable'];

function connectError(failures: readonly Failure[], kindOf: (error: unknown) => ErrorKind): ConnectError {
  const rank = (error: unknown) => TELLING.indexOf(kindOf(new ConnectError([error])));
  const errors = failures.map(({ error }) => error).sort((one, other) => rank(one) - rank(other));
  const words = failures.map(({ host, error }) =>
    failures.length === 1 ? wordsOf(error) : `${nameOf(host)}: ${wordsOf(error)}`,
  );
  return new ConnectError(errors, words.join('; '));
}

function nameOf(host: ServerHost): string {
  if ('socket' in host) {
    return host.socket;
  }
  return host.host.includes(':') ? `[${host.host}]:${host.port}` : `${host.host}:${host.port}`;
}
