import type { ServerHost, ServerLocation } from '../../config/config.ts';
import { formatDuration } from '../../core/durations.ts';
import { DatabaseError } from '../../core/errors.ts';
import { SECOND_MS } from '../../core/instants.ts';
import { CLOCK_TOLERANCE_MS } from '../../runner/clock.ts';
import { connectTo } from '../../store/connect.ts';
import type { Context } from '../context.ts';
import { readClock } from '../session.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Whether the clocks of this machine, and of all servers of the URL, agree. */
export async function checkClocks(
  location: ServerLocation,
  context: Pick<Context, 'io'>,
  clockOffsetMs: number,
): Promise<readonly Finding[]> {
  const others = location.hosts.length > 1 ? await lookAtHosts(location, context) : [];
  return [checkOwnClock(clockOffsetMs), ...judgeHosts(others)];
}

function checkOwnClock(offsetMs: number): Finding {
  if (Math.abs(offsetMs) <= CLOCK_TOLERANCE_MS) {
    return ok('clock', `agrees with that of the database within ${CLOCK_TOLERANCE_MS / SECOND_MS} s`);
  }
  return warn(
    'clock',
    `the clock of this machine is ${spanText(offsetMs)} ${offsetMs > 0 ? 'ahead of' : 'behind'} the database's, by which tasks run; cron goes by the machine's`,
    'let a time daemon such as chrony keep both',
  );
}

/** One of several servers: how far the machine's clock is ahead of its, or why it cannot be used. */
export type HostClock = { readonly server: string } & (
  | { readonly offsetMs: number }
  | { readonly fault: string }
);

async function lookAtHosts(
  location: ServerLocation,
  context: Pick<Context, 'io'>,
): Promise<readonly HostClock[]> {
  const clocks: HostClock[] = [];
  for (const host of location.hosts) {
    clocks.push({ server: hostText(host), ...(await clockOfHost({ ...location, hosts: [host] }, context)) });
  }
  return clocks;
}

async function clockOfHost(
  location: ServerLocation,
  context: Pick<Context, 'io'>,
): Promise<{ readonly offsetMs: number } | { readonly fault: string }> {
  try {
    const driver = await connectTo(location, { create: false, readOnly: true });
    try {
      return { offsetMs: (await readClock({ driver }, context)).clockOffsetMs ?? 0 };
    } finally {
      await driver.close();
    }
  } catch (error) {
    if (error instanceof DatabaseError) {
      return { fault: error.message };
    }
    throw error;
  }
}

function hostText(host: ServerHost): string {
  return 'socket' in host ? host.socket : `${host.host}:${host.port}`;
}

/** Judges the clocks of the servers of one URL: whichever of them is used, it must tell the same time. */
export function judgeHosts(clocks: readonly HostClock[]): readonly Finding[] {
  const told = clocks.flatMap((clock) => ('offsetMs' in clock ? [clock] : []));
  const offsets = told.map(({ offsetMs }) => offsetMs);
  const apart = Math.max(...offsets) - Math.min(...offsets);
  const faults = clocks.flatMap((clock) =>
    'fault' in clock
      ? [
          warn(
            'database',
            `server ${clock.server} of the URL cannot be used: ${clock.fault}`,
            'mend it, or take it out of the URL',
          ),
        ]
      : [],
  );
  return told.length > 1 && apart > CLOCK_TOLERANCE_MS
    ? [
        ...faults,
        fail(
          'clock',
          `the clocks of the servers ${told.map(({ server }) => server).join(', ')} differ by ${spanText(apart)}: slots and leases go by them`,
          'let a time daemon such as chrony keep them within 2 s of each other',
        ),
      ]
    : faults;
}

function spanText(ms: number): string {
  return formatDuration(Math.round(Math.abs(ms) / SECOND_MS));
}
