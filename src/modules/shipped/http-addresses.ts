import type { LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import type { HttpSettings } from '../../config/config.ts';

/** Finds all addresses of a name, as `dns.lookup` with `all` does; rejects when there is none. */
export type Resolver = (name: string) => Promise<readonly LookupAddress[]>;

const LOOPBACK = blockListOf([
  ['127.0.0.0', 8],
  ['0.0.0.0', 8],
  ['::1', 128],
  ['::', 128],
]);
// The last one is where a cloud answers by IPv6 what it answers at 169.254.169.254.
const LINK_LOCAL = blockListOf([
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
]);

/** Why a request may not go to an address, `127.0.0.1` or `::1`; undefined when it may. */
export function faultOfAddress(address: string, allowed: HttpSettings): string | undefined {
  const addresses = [withoutZone(address), ...embeddedIn(withoutZone(address))];
  if (!allowed.allowLoopback && addresses.some((one) => isIn(LOOPBACK, one))) {
    return refusal(address, 'a loopback address', 'allow_loopback');
  }
  return !allowed.allowLinkLocal && addresses.some((one) => isIn(LINK_LOCAL, one))
    ? refusal(address, 'a link-local address', 'allow_link_local')
    : undefined;
}

function refusal(address: string, what: string, key: string): string {
  return `expected an address that the configuration allows, got ${address}, ${what} (http.${key} allows those)`;
}

/** The code of the error with which {@link checkedLookup} refuses an address. Its message is meant for people. */
export const REFUSED_ADDRESS = 'E_REFUSED_ADDRESS';

/**
 * A lookup for a connection that takes exactly the addresses that it gives, so that nothing can change between the check
 * and the use. A name with one refused address is refused as a whole.
 */
export function checkedLookup(resolve: Resolver, allowed: HttpSettings): LookupFunction {
  return (name, { all, family }, callback) => {
    resolve(name).then(
      (found) => {
        const wanted = found.filter((address) => isOfFamily(address, family));
        const fault = wanted.map(({ address }) => faultOfAddress(address, allowed)).find(isText);
        const [first] = wanted;
        if (fault !== undefined) {
          callback(errorWith(REFUSED_ADDRESS, fault), '');
        } else if (first === undefined) {
          callback(errorWith('ENOTFOUND', `no address of ${name}`), '');
        } else if (all === true) {
          callback(null, [...wanted]);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

function isOfFamily(address: LookupAddress, family: unknown): boolean {
  return (family !== 4 && family !== 6) || address.family === family;
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

function errorWith(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

function blockListOf(subnets: ReadonlyArray<readonly [network: string, prefix: number]>): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) {
    list.addSubnet(network, prefix, isIPv4(network) ? 'ipv4' : 'ipv6');
  }
  return list;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/s, '');
}

/** Where an IPv6 address carries one of IPv4, by which words the prefix is known and at which word the other begins. */
const EMBEDDINGS: ReadonlyArray<{ readonly prefix: readonly number[]; readonly at: number }> = [
  // Mapped (::ffff:0:0/96), compatible (::/96) and translated (::ffff:0:0:0/96).
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 },
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 },
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  // NAT64 with its well-known prefix (64:ff9b::/96), and 6to4 (2002::/16).
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  { prefix: [0x2002], at: 1 },
];

/** The addresses of IPv4 to which a translator or a tunnel may take a packet for this one. */
function embeddedIn(address: string): readonly string[] {
  if (isIP(address) !== 6) {
    return [];
  }
  const words = wordsOf(address);
  const dotted = (at: number, mask = 0): string => {
    const [high, low] = [(words[at] ?? 0) ^ mask, (words[at + 1] ?? 0) ^ mask];
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  };
  const found = EMBEDDINGS.filter(({ prefix }) => prefix.every((word, index) => words[index] === word)).map(
    ({ at }) => dotted(at),
  );
  // NAT64 of a site (64:ff9b:1::/48) may carry the address at any of three places.
  const isSiteNat64 = words[0] === 0x64 && words[1] === 0xff9b && words[2] === 1;
  // Teredo (2001::/32) has the bits of the client's address turned over.
  const isTeredo = words[0] === 0x2001 && words[1] === 0;
  // ISATAP marks the address behind it, under any prefix.
  const isIsatap = ((words[4] ?? 0) & 0xfdff) === 0 && words[5] === 0x5efe;
  return [
    ...found,
    ...(isSiteNat64 ? siteNat64(words) : []),
    ...(isTeredo ? [dotted(6, 0xffff)] : []),
    ...(isIsatap ? [dotted(6)] : []),
  ];
}

/** RFC 6052, section 2.2: with a prefix of 48, 56, 64 or 96 bits; the octet at 64 is never a part of the address. */
function siteNat64(words: readonly number[]): readonly string[] {
  const octets = words.flatMap((word) => [word >> 8, word & 0xff]);
  const places = [
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
    [12, 13, 14, 15],
  ];
  return places.map((place) => place.map((index) => octets[index] ?? 0).join('.'));
}

/** The eight words of an address of IPv6, however it is written. */
function wordsOf(address: string): readonly number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: readonly unknown[]) => {
    const [first = 0, second = 0, third = 0, fourth = 0] = octets.slice(0, 4).map(Number);
    return `${((first << 8) | second).toString(16)}:${((third << 8) | fourth).toString(16)}`;
  });
  const [head = [], tail] = plain.split('::').map((half) => half.split(':').filter((word) => word !== ''));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  const words = [...head, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? [])];
  return words.map((word) => Number.parseInt(word, 16));
}
