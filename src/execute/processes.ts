import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const HAS_PROC = process.platform === 'linux';

/** Says on which machine, in which boot and in which namespace of process ids this process runs. */
export type ProcessIdentity = {
  readonly machineId: string;
  readonly bootId: string;
  readonly pidNamespace: string;
};

/**
 * The identity of this process's surroundings. Two processes with the same one may judge each other by pid and start
 * time. Where the system does not tell a part of it, the host name stands for the machine and empty text for the rest.
 */
export function processIdentity(): ProcessIdentity {
  if (!HAS_PROC) {
    return {
      machineId: hostname(),
      bootId: outputOf('sysctl', ['-n', 'kern.bootsessionuuid']),
      pidNamespace: '',
    };
  }
  const machineId = textOf('/etc/machine-id').trim();
  return {
    machineId: machineId === '' ? hostname() : machineId,
    bootId: textOf('/proc/sys/kernel/random/boot_id').trim(),
    pidNamespace: linkOf('/proc/self/ns/pid'),
  };
}

/**
 * When a process started, as text that only equality makes sense of, or undefined when there is no such process. A
 * process that has ended but was not yet collected by its parent counts as gone.
 */
export function processStartTime(pid: number): string | undefined {
  if (!HAS_PROC) {
    const started = outputOf('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return started === '' ? undefined : started;
  }
  const stat = readStat(pid);
  return stat === undefined || stat.isZombie ? undefined : stat.startTime;
}

/**
 * False once it is proven that the process of that pid is not the one that started then: pids are used again. A process
 * of another user that the system hides (/proc mounted with `hidepid`) cannot be told apart, and counts as the same.
 */
export function isSameProcess(pid: number, startTime: string): boolean {
  const isShown = !HAS_PROC || readStat(pid) !== undefined;
  return isShown ? processStartTime(pid) === startTime : isHidden(pid);
}

function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

export type ProcessStat = {
  readonly groupId: number;
  /** Ended, and waiting only to be collected. */
  readonly isZombie: boolean;
  /** Clock ticks since boot. */
  readonly startTime: string;
};

/**
 * Reads a line of /proc/PID/stat. The name of the program stands in parentheses and may itself hold spaces and
 * parentheses, so that fields count from the last one.
 */
export function parseStat(line: string): ProcessStat | undefined {
  const fields = line
    .slice(line.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const [state, , group] = fields;
  const startTime = fields[19];
  return state === undefined || group === undefined || startTime === undefined
    ? undefined
    : { groupId: Number(group), isZombie: state === 'Z' || state === 'X', startTime };
}

/** The group of this process, which no signal of ours may reach. */
export function ownGroupId(): number {
  return HAS_PROC
    ? (readStat(process.pid)?.groupId ?? 0)
    : Number(outputOf('ps', ['-o', 'pgid=', '-p', String(process.pid)]));
}

/** The processes of a group, without those that have ended and were not yet collected. */
export function membersOfGroup(groupId: number): readonly number[] {
  if (!HAS_PROC) {
    return outputOf('ps', ['-A', '-o', 'pid=,pgid=,stat='])
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, group, state]) => Number(group) === groupId && state?.startsWith('Z') === false)
      .map(([pid]) => Number(pid));
  }
  return allPids().filter((pid) => {
    const stat = readStat(pid);
    return stat !== undefined && stat.groupId === groupId && !stat.isZombie;
  });
}

/**
 * The processes whose environment was given this variable when they started, without this process and those that have
 * ended. It needs /proc, and sees no process of another user unless this one is root.
 */
export function carriersOf(variable: string, value: string): readonly number[] {
  if (!HAS_PROC) {
    return [];
  }
  const wanted = Buffer.from(`\0${variable}=${value}\0`);
  return allPids().filter((pid) => pid > 1 && pid !== process.pid && environmentOf(pid).includes(wanted));
}

function environmentOf(pid: number): Buffer {
  try {
    return Buffer.concat([Buffer.from('\0'), readFileSync(`/proc/${pid}/environ`), Buffer.from('\0')]);
  } catch {
    return Buffer.alloc(0);
  }
}

function allPids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readStat(pid: number): ProcessStat | undefined {
  return parseStat(textOf(`/proc/${pid}/stat`));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

// Only systems without /proc come here: the import of child_process would cost every tick on the others.
function outputOf(command: string, args: readonly string[]): string {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return process
      .getBuiltinModule('node:child_process')
      .execFileSync(command, args, {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
        stdio,
      })
      .trim();
  } catch {
    return '';
  }
}
