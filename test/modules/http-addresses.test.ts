import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { checkedLookup, faultOfAddress } from '../../src/modules/shipped/http-addresses.ts';

const NONE = { allowLoopback: false, allowLinkLocal: false };

describe('an address of this machine', () => {
  test.each([
    ['127.0.0.1'],
    ['127.255.255.254'],
    ['0.0.0.0'],
    ['0.1.2.3'],
    ['::1'],
    ['::'],
    ['0:0:0:0:0:0:0:1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:7f00:1'],
    ['::127.0.0.1'],
    ['::ffff:0:127.0.0.1'],
    ['64:ff9b::127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['64:ff9b:1::127.0.0.1'],
    ['64:ff9b:1:7f00:0:100::'],
    ['2002:7f00:1::'],
    ['2001:0:1:2:3:4:80ff:fffe'],
    ['fd00::5efe:127.0.0.1'],
  ])('%s is refused unless the configuration allows it', (address) => {
    expect(faultOfAddress(address, NONE)).toBe(
      `expected an address that the configuration allows, got ${address}, a loopback address (http.allow_loopback allows those)`,
    );
    expect(faultOfAddress(address, { ...NONE, allowLinkLocal: true })).toBeDefined();
    expect(faultOfAddress(address, { ...NONE, allowLoopback: true })).toBeUndefined();
  });
});

describe('an address of the link', () => {
  test.each([
    ['169.254.169.254'],
    ['169.254.0.1'],
    ['fe80::1'],
    ['fe80::1%eth0'],
    ['febf::1'],
    ['fd00:ec2::254'],
    ['::ffff:169.254.169.254'],
    ['::ffff:a9fe:a9fe'],
    ['64:ff9b::a9fe:a9fe'],
    ['2002:a9fe:a9fe::1'],
  ])('%s is refused unless the configuration allows it', (address) => {
    expect(faultOfAddress(address, NONE)).toMatch(
      /, a link-local address \(http\.allow_link_local allows those\)$/,
    );
    expect(faultOfAddress(address, { ...NONE, allowLoopback: true })).toBeDefined();
    expect(faultOfAddress(address, { ...NONE, allowLinkLocal: true })).toBeUndefined();
  });
});

test.each([
  ['10.0.0.1'],
  ['126.255.255.255'],
  ['128.0.0.1'],
  ['1.0.0.0'],
  ['169.253.255.255'],
  ['192.0.2.1'],
  ['2001:db8::1'],
  ['fec0::1'],
  ['fd00:ec2::253'],
  ['::ffff:192.0.2.1'],
  ['64:ff9b::192.0.2.1'],
  ['2002:c000:201::7f00:1'],
  ['2001:db8::7f00:1'],
])('%s is anybody else', (address) => {
  expect(faultOfAddress(address, NONE)).toBeUndefined();
});

describe('the lookup of a connection', () => {
  const at = (...addresses: readonly string[]): readonly LookupAddress[] =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

  function lookedUp(found: readonly LookupAddress[], options: object) {
    return new Promise((resolve) => {
      const lookup = checkedLookup(() => Promise.resolve(found), NONE);
      lookup('name.example', options, (error, ...rest) =>
        resolve(error === null ? rest : [error.code, error.message]),
      );
    });
  }

  test('gives what it has checked, in the form that is asked for', async () => {
    const found = at('192.0.2.1', '2001:db8::1');
    expect(await lookedUp(found, { all: true })).toEqual([found]);
    expect(await lookedUp(found, {})).toEqual(['192.0.2.1', 4]);
    expect(await lookedUp(found, { family: 6 })).toEqual(['2001:db8::1', 6]);
    expect(await lookedUp([], {})).toEqual(['ENOTFOUND', 'no address of name.example']);
  });

  test.each([{ all: true }, {}])('refuses a name with one address that is refused: %j', async (options) => {
    expect(await lookedUp(at('192.0.2.1', '127.0.0.1'), options)).toEqual([
      'E_REFUSED_ADDRESS',
      expect.stringContaining('got 127.0.0.1, a loopback address'),
    ]);
  });
});
