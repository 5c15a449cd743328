import { checkServerIdentity, type TLSSocket } from 'node:tls';
import type { Connection } from 'mysql2';
import type { ServerHost } from '../config/config.ts';

/** What is not in the driver's types: it calls this before it tells the server who it is. */
type Inner = {
  startTLS?: (onSecure: (error?: Error) => void) => void;
  readonly stream: TLSSocket;
};

/** `assertSeen` throws unless the name in the certificate was compared. */
export type IdentityWatch = { readonly assertSeen: () => void };

/**
 * Has the name in the server's certificate compared with the host before any password is sent. The driver does so for
 * names only: to an address it would compare the name `localhost`.
 */
export function watchIdentity(connection: Connection, host: ServerHost): IdentityWatch {
  const inner = connection as unknown as Inner;
  const start = inner.startTLS?.bind(connection);
  const name = 'host' in host ? host.host : 'localhost';
  let isSeen = false;
  if (start !== undefined) {
    inner.startTLS = (onSecure) =>
      start((error) => {
        isSeen = true;
        onSecure(error ?? checkServerIdentity(name, inner.stream.getPeerCertificate()));
      });
  }
  return {
    assertSeen: () => {
      if (!isSeen) {
        throw new Error(`expected to see a certificate of ${name}, got none`);
      }
    },
  };
}
