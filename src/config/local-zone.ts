import { readFileSync, readlinkSync } from 'node:fs';

const ZONE_LINK = /zoneinfo\/(?:posix\/|right\/)?(.+)$/;
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;

/**
 * The IANA name of this machine's time zone. It is read from where the system keeps it, since asking Intl costs a tick
 * 20 ms; Intl is asked only when that gives no name.
 */
export function localTimezone(env: Readonly<Record<string, string | undefined>>): string {
  const wanted = env['TZ']?.replace(/^:/, '');
  const candidates = wanted === undefined || wanted === '' ? [fromLink(), fromFile()] : [wanted];
  const name = candidates.find((candidate) => candidate !== undefined && ZONE_NAME.test(candidate));
  return name === undefined ? new Intl.DateTimeFormat().resolvedOptions().timeZone : canonical(name);
}

function canonical(name: string): string {
  return ['UTC', 'Etc/UTC', 'UCT', 'Zulu', 'Universal', 'Etc/Universal', 'Etc/Zulu'].includes(name)
    ? 'UTC'
    : name;
}

function fromLink(): string | undefined {
  try {
    return ZONE_LINK.exec(readlinkSync('/etc/localtime'))?.[1];
  } catch {
    // No link: a copied zone file, or none, which means UTC or what /etc/timezone says.
    return undefined;
  }
}

function fromFile(): string | undefined {
  try {
    return readFileSync('/etc/timezone', 'utf8').trim();
  } catch {
    return undefined;
  }
}
