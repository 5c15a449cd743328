import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ServerLocation } from '../../src/config/config.ts';
import { PeriodicCronError } from '../../src/core/errors.ts';
import { connectTo } from '../../src/store/connect.ts';
import {
  isInstalled,
  missingFor,
  must,
  openPrivateServer,
  ownedBy,
  type PrivateServer,
} from '../support/private-servers.ts';
import { SERVER_ENGINES, type ServerEngine } from '../support/servers.ts';

const NAMES: Readonly<
  Record<ServerEngine, { readonly mode: string; readonly ca: string; readonly modes: Modes }>
> = {
  postgres: {
    mode: 'sslmode',
    ca: 'sslrootcert',
    modes: { off: 'disable', require: 'require', 'verify-ca': 'verify-ca', 'verify-full': 'verify-full' },
  },
  mariadb: {
    mode: 'ssl-mode',
    ca: 'ssl-ca',
    modes: {
      off: 'DISABLED',
      require: 'REQUIRED',
      'verify-ca': 'VERIFY_CA',
      'verify-full': 'VERIFY_IDENTITY',
    },
  },
};
type Modes = Readonly<Record<ServerLocation['tls']['mode'], string>>;

describe.each(SERVER_ENGINES)('%s', (engine) => {
  const missing = missingFor(engine) ?? (isInstalled('openssl') ? undefined : 'openssl is not installed');

  test('is reached by TLS as far as its certificate is what the URL asks for', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const server = await openPrivateServer(engine);
    await expectRefusal(server, { mode: 'require' }, /speaks TLS$/);
    const own = newAuthority(server.folder, 'own');
    const other = newAuthority(server.folder, 'other');

    await restart(server, newCertificate(server, own, 'DNS:localhost'));
    await expectEncrypted(server, { mode: 'require' });
    await expectEncrypted(server, { mode: 'verify-ca', ca: own });
    await expectEncrypted(server, { mode: 'verify-full', ca: own, host: 'localhost' });
    await expectEncrypted(server, { ca: own, host: 'localhost' });
    await expectRefusal(server, { mode: 'verify-full', ca: own }, /127\.0\.0\.1.*: check the certificate/);
    await expectRefusal(server, { mode: 'verify-ca', ca: other }, /: check the certificate/);
    await expectRefusal(
      server,
      { mode: 'verify-full', ca: other, host: 'localhost' },
      /: check the certificate/,
    );
    await expectRefusal(
      server,
      { mode: 'verify-ca', ca: join(server.folder, 'none.pem') },
      /readable PEM file/,
    );

    await restart(server, newCertificate(server, own, 'IP:127.0.0.1'));
    await expectEncrypted(server, { mode: 'verify-full', ca: own });
    await expectEncrypted(server, { mode: 'verify-ca', ca: own, host: 'localhost' });
    await expectRefusal(
      server,
      { mode: 'verify-full', ca: own, host: 'localhost' },
      /: check the certificate/,
    );
  });
});

type Asked = { readonly mode?: keyof Modes; readonly ca?: string; readonly host?: string };

function locationOf(server: PrivateServer, { mode, ca, host }: Asked): ServerLocation {
  const names = NAMES[server.engine];
  const query = [
    ...(mode === undefined ? [] : [`${names.mode}=${names.modes[mode]}`]),
    ...(ca === undefined ? [] : [`${names.ca}=${encodeURIComponent(ca)}`]),
  ].join('&');
  const database = server.engine === 'postgres' ? 'postgres' : 'mysql';
  return server.locationOf(database, { query, ...(host === undefined ? {} : { host }) });
}

async function expectEncrypted(server: PrivateServer, asked: Asked): Promise<void> {
  const driver = await connectTo(locationOf(server, asked), { create: false });
  const [row] = await driver.all(
    server.engine === 'postgres'
      ? 'SELECT version AS answer FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
      : `SELECT variable_value AS answer FROM information_schema.session_status WHERE variable_name = 'Ssl_version'`,
  );
  await driver.close();
  expect(row, JSON.stringify(asked)).toMatchObject({ answer: expect.stringMatching(/^TLS/) });
}

async function expectRefusal(server: PrivateServer, asked: Asked, message: RegExp): Promise<void> {
  const error = await connectTo(locationOf(server, asked), { create: false }).then(
    (driver) => driver.close(),
    (thrown: unknown) => thrown,
  );
  expect(error, JSON.stringify(asked)).toBeInstanceOf(PeriodicCronError);
  expect((error as PeriodicCronError).message).toMatch(message);
}

/** An authority of the test's own; returns the path of its certificate. Its key lies beside it. */
function newAuthority(folder: string, name: string): string {
  const path = join(folder, `${name}-ca.pem`);
  const subject = ['-subj', `/CN=${name} authority`, '-addext', 'basicConstraints=critical,CA:TRUE'];
  must([
    'openssl',
    'req',
    '-x509',
    ...NEW_KEY,
    '-days',
    '2',
    ...subject,
    '-keyout',
    keyOf(path),
    '-out',
    path,
  ]);
  return path;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate that an authority gave the server; its common name is no name of the server's. */
function newCertificate(server: PrivateServer, authority: string, name: string): string {
  const path = join(server.folder, `${name.replace(/\W/g, '-')}.pem`);
  const request = `${path}.request`;
  must([
    'openssl',
    'req',
    '-new',
    ...NEW_KEY,
    '-subj',
    '/CN=server',
    '-addext',
    `subjectAltName=${name}`,
    '-keyout',
    keyOf(path),
    '-out',
    request,
  ]);
  must([
    ...['openssl', 'x509', '-req', '-days', '2', '-in', request, '-copy_extensions', 'copy'],
    ...['-CA', authority, '-CAkey', keyOf(authority), '-CAcreateserial', '-out', path],
  ]);
  ownedBy(path, server.user);
  ownedBy(keyOf(path), server.user);
  return path;
}

function keyOf(path: string): string {
  return path.replace(/\.pem$/, '.key.pem');
}

async function restart(server: PrivateServer, certificate: string): Promise<void> {
  await server.stop('gently');
  await server.start(
    ...(server.engine === 'postgres'
      ? ['-c', 'ssl=on', '-c', `ssl_cert_file=${certificate}`, '-c', `ssl_key_file=${keyOf(certificate)}`]
      : [`--ssl-cert=${certificate}`, `--ssl-key=${keyOf(certificate)}`]),
  );
}
