import { readdirSync, readlinkSync } from 'node:fs';
import { CHANNEL_DESCRIPTOR } from './child-messages.ts';
import { membersOfGroup } from './processes.ts';

/**
 * True when nobody else is in the group that a child leads, and nobody else holds its output or its channel, whatever
 * group that one has moved to. False as well when that cannot be known, for want of /proc.
 */
export function leftNothing(pid: number): boolean {
  return membersOfGroup(pid).length === 1 && hasOwnStreams(pid);
}

function hasOwnStreams(pid: number): boolean {
  try {
    const streams = new Set(
      [1, 2, CHANNEL_DESCRIPTOR].map((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`)),
    );
    return readdirSync('/proc').every(
      (name) =>
        !/^\d+$/.test(name) || [process.pid, pid].includes(Number(name)) || !holdsOneOf(name, streams),
    );
  } catch {
    return false;
  }
}

function holdsOneOf(pid: string, streams: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      try {
        return streams.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
      } catch {
        return false;
      }
    });
  } catch {
    // It has ended meanwhile, or is somebody's whom this one cannot have started.
    return false;
  }
}
