import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';

/** What the system lets this process do with the processes that it starts. */
export type RunnerRights = {
  /** Effective ids. */
  readonly uid: number;
  readonly gid: number;
  readonly maySetUid: boolean;
  readonly maySetGid: boolean;
  /** The niceness of this process, and the lowest that it may give. */
  readonly niceness: number;
  readonly lowestNiceness: number;
  readonly mayRaiseLimits: boolean;
  /** The hard limits of this process by the option of `prlimit`; `Infinity` is unlimited, absent is unknown. */
  readonly hardLimits: Readonly<Partial<Record<LimitName, number>>>;
};

/** The limits that a process may get, as `prlimit` names them. */
export const LIMIT_NAMES = ['as', 'core', 'cpu', 'data', 'fsize', 'nofile', 'nproc'] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Reads the rights of this process. Where the system does not tell them, root has all and others have none. */
export function readRights(): RunnerRights {
  const uid = process.geteuid?.() ?? -1;
  const has = capabilitiesOf(uid);
  const limits = textOf('/proc/self/limits');
  const niceness = getPriority();
  return {
    uid,
    gid: process.getegid?.() ?? -1,
    maySetGid: has(CAP_SETGID),
    maySetUid: has(CAP_SETUID),
    niceness,
    lowestNiceness: has(CAP_SYS_NICE) ? LOWEST_NICENESS : Math.min(niceness, lowestByLimit(limits)),
    mayRaiseLimits: has(CAP_SYS_RESOURCE),
    hardLimits: hardLimitsIn(limits),
  };
}

// Their numbers are part of the kernel's interface.
const CAP_SETGID = 6n;
const CAP_SETUID = 7n;
const CAP_SYS_NICE = 23n;
const CAP_SYS_RESOURCE = 24n;

const LOWEST_NICENESS = -20;

function capabilitiesOf(uid: number): (capability: bigint) => boolean {
  const [, hex] = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf('/proc/self/status')) ?? [];
  if (hex === undefined) {
    return () => uid === 0;
  }
  const effective = BigInt(`0x${hex}`);
  return (capability) => ((effective >> capability) & 1n) === 1n;
}

// The kernel counts this limit from 1 for niceness 19 to 40 for -20; 0 grants nothing.
function lowestByLimit(limits: string): number {
  const [, most] = /^Max nice priority\s+(\d+)/m.exec(limits) ?? [];
  return most === undefined ? Number.POSITIVE_INFINITY : 20 - Number(most);
}

const TITLES: Readonly<Record<LimitName, string>> = {
  as: 'Max address space',
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  nofile: 'Max open files',
  nproc: 'Max processes',
};

function hardLimitsIn(limits: string): RunnerRights['hardLimits'] {
  const hard = Object.entries(TITLES).flatMap(([name, title]) => {
    const [, value] = new RegExp(`^${title}\\s+\\S+\\s+(\\d+|unlimited)`, 'm').exec(limits) ?? [];
    return value === undefined
      ? []
      : [[name, value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value)]];
  });
  return Object.fromEntries(hard);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
