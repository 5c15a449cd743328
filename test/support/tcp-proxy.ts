import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ServerHost, ServerLocation } from '../../src/config/config.ts';

/** What a network may do to a statement on its way, once the proxy sees it. */
export type Mischief =
  /** The server does it; the connection breaks when it answers, and the answer is gone. */
  | 'lose-answer'
  /** The connection breaks before the server hears of it. */
  | 'lose-statement'
  /** The client's side breaks; the server, whose side stays open, hears of it when the test releases it. */
  | 'delay-statement'
  /** Nothing goes through in either direction any more, on this connection. */
  | 'stall';

/** A way to a server on which a test may do what networks do. */
export type TcpProxy = {
  readonly port: number;
  /** How many connections were made, and how many of them are open. */
  readonly made: () => number;
  readonly open: () => number;
  /** Does this once, to the first connection on which a client sends bytes that match. */
  readonly at: (text: RegExp, mischief: Mischief) => void;
  /** True when the mischief has been done. */
  readonly isDone: () => boolean;
  /** Lets the server hear what was delayed. */
  readonly release: () => void;
  /** Breaks every connection there is. */
  readonly cut: () => void;
  /** Lets nothing through any more, on old connections and on new ones, which are accepted all the same. */
  readonly stallAll: () => void;
  /** Breaks every connection, and refuses new ones until they are accepted again. */
  readonly refuse: () => Promise<void>;
  readonly accept: () => Promise<void>;
};

type Way = {
  readonly client: Socket;
  readonly server: Socket;
  isStalled: boolean;
  losesAnswer: boolean;
};

/** Starts a proxy before a server; it ends with the test. */
export async function openTcpProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<TcpProxy> {
  const ways = new Set<Way>();
  let made = 0;
  let isStalled = false;
  let armed: { readonly text: RegExp; readonly mischief: Mischief } | undefined;
  let delayed: { readonly server: Socket; readonly bytes: Buffer } | undefined;
  let isDone = false;

  const commit = (way: Way, bytes: Buffer, mischief: Mischief): void => {
    isDone = true;
    armed = undefined;
    switch (mischief) {
      case 'lose-answer':
        way.losesAnswer = true;
        way.server.write(bytes);
        return;
      case 'lose-statement':
        breakWay(way);
        return;
      case 'delay-statement':
        delayed = { server: way.server, bytes };
        ways.delete(way);
        way.client.destroy();
        return;
      case 'stall':
        way.isStalled = true;
    }
  };
  const breakWay = (way: Way): void => {
    ways.delete(way);
    way.client.destroy();
    way.server.destroy();
  };
  const listener = createServer((client) => {
    made += 1;
    const server = connect(target.port, target.host);
    const way: Way = { client, server, isStalled: false, losesAnswer: false };
    ways.add(way);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (bytes) => {
      if (armed?.text.test(bytes.toString('latin1'))) {
        commit(way, bytes, armed.mischief);
      } else if (!isStalled && !way.isStalled) {
        server.write(bytes);
      }
    });
    server.on('data', (bytes) => {
      if (way.losesAnswer) {
        breakWay(way);
      } else if (!isStalled && !way.isStalled) {
        client.write(bytes);
      }
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
    }
    client.on('close', () => {
      if (delayed?.server !== server) {
        breakWay(way);
      }
    });
    server.on('close', () => breakWay(way));
  });
  await listen(listener, 0);
  const { port } = listener.address() as { readonly port: number };
  const cut = () => {
    for (const way of ways) {
      breakWay(way);
    }
  };
  onTestFinished(async () => {
    delayed?.server.destroy();
    cut();
    await closed(listener);
  });
  return {
    port,
    made: () => made,
    open: () => ways.size,
    at: (text, mischief) => {
      isDone = false;
      armed = { text, mischief };
    },
    isDone: () => isDone,
    release: () => {
      delayed?.server.write(delayed.bytes);
    },
    cut,
    stallAll: () => {
      isStalled = true;
    },
    refuse: async () => {
      const over = closed(listener);
      cut();
      await over;
    },
    accept: () => listen(listener, port),
  };
}

/** The end of a transaction, as both engines' clients send it. */
export const COMMIT = /COMMIT\0?$/;

/** The same database, reached by other ways, in this order. */
export function locationThrough(location: ServerLocation, proxies: readonly TcpProxy[]): ServerLocation {
  const url = new URL(location.url);
  url.hostname = '127.0.0.1';
  url.port = '';
  const hosts: readonly ServerHost[] = proxies.map(({ port }) => ({ host: '127.0.0.1', port }));
  const list = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return { ...location, url: url.href.replace('127.0.0.1', list), hosts };
}

/** Where a location's first server listens. */
export function addressOf({ hosts, url }: ServerLocation): { readonly host: string; readonly port: number } {
  const [first] = hosts;
  if (first === undefined || 'socket' in first) {
    throw new Error(`expected a server with a TCP address, got ${url}`);
  }
  return first;
}

function listen(listener: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(port, '127.0.0.1', () => resolve());
  });
}

function closed(listener: Server): Promise<void> {
  return new Promise((resolve) => {
    listener.close(() => resolve());
  });
}
