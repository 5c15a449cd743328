import { readFileSync } from 'node:fs';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const COUNTED_DIGITS = 12;

let firstToken: string | undefined;
let count = 0;

/**
 * A new UUID, by which a run is known: in the ledger, in the environment of its processes, in the spool. The first one of
 * a process is random; the others differ from it in their last group, which is counted up from there.
 */
export function newToken(): string {
  firstToken ??= randomUuid();
  const counted = (BigInt(`0x${firstToken.slice(-COUNTED_DIGITS)}`) + BigInt(count)) & 0xffff_ffff_ffffn;
  count += 1;
  return firstToken.slice(0, -COUNTED_DIGITS) + counted.toString(16).padStart(COUNTED_DIGITS, '0');
}

/** From the kernel where that gives one, since loading the crypto module costs a tick more than its claim. */
function randomUuid(): string {
  return kernelUuid() ?? process.getBuiltinModule('node:crypto').randomUUID();
}

function kernelUuid(): string | undefined {
  try {
    const text = readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim();
    return UUID.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
