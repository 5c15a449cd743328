import { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { type ProbeResult, probeResource } from '../../src/execute/probe.ts';

const broken = vi.hoisted(() => ({ code: '' }));

vi.mock('node:net', async (original) => ({
  ...(await original<typeof import('node:net')>()),
  connect: () => {
    const socket = new Socket();
    const error = Object.assign(new Error(`connect ${broken.code}`), { code: broken.code });
    setImmediate(() => socket.destroy(error));
    return socket;
  },
}));

function probeTcp(): Promise<ProbeResult> {
  const resource = { name: 'db', probe: 'tcp', target: { host: '192.0.2.1', port: 5432 } };
  return probeResource(
    { ...resource, ttlSeconds: 60, timeoutSeconds: 5 },
    { node: 'alpha', id: 'probe-network', cancel: new AbortController().signal },
  );
}

test.each([
  ['EMFILE', 'undef'],
  ['ENFILE', 'undef'],
  ['ENOMEM', 'undef'],
  ['ENOBUFS', 'undef'],
  ['EACCES', 'undef'],
  ['EPERM', 'undef'],
  ['ECONNREFUSED', 'down'],
  ['EHOSTUNREACH', 'down'],
  ['ECONNRESET', 'down'],
])(
  '%s on the way to a host leaves it %s: a fault of this machine says nothing of the other',
  async (code, state) => {
    broken.code = code;
    expect(await probeTcp()).toMatchObject({ state });
  },
);
