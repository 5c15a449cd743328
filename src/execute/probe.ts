import { faultText, messageOf } from '../core/errors.ts';
import type { ResourceState } from '../core/requires.ts';
import { PROBES, type Resource } from '../store/resources.ts';
import { limitText, within } from './interruption.ts';
import { type ProbeTarget, readTarget } from './probe-target.ts';

/** What a look at a resource found, and how it is known, in words. */
export type ProbeResult = { readonly state: ResourceState; readonly why: string };

/** What a probe is run with. */
export type ProbeSurroundings = {
  readonly node: string;
  /** The id by which processes of this probe are found again. */
  readonly id: string;
  readonly cancel: AbortSignal;
  readonly timeoutMs: number;
};

/**
 * Looks at a resource. A probe that cannot be run, or a command that does not end in time, leaves the state `undef`; a
 * host that does not answer in time is `down`. Never rejects, and returns within the time limit and two or three seconds.
 */
export async function probeResource(
  resource: Resource,
  surroundings: Omit<ProbeSurroundings, 'timeoutMs'>,
): Promise<ProbeResult> {
  const probe = PROBES.find((known) => known === resource.probe);
  if (probe === undefined) {
    const known = PROBES.join(', ');
    return unknown(`expected one of the probes ${known}, got ${JSON.stringify(resource.probe)}`);
  }
  const read = readTarget(probe, resource.target);
  if (read.kind === 'faults') {
    return unknown(faultText(read.faults));
  }
  try {
    // Plain SQL may have written 0, and no limit at all would let one probe hold up a tick for good.
    const timeoutMs = Math.max(1, resource.timeoutSeconds) * 1_000;
    return await probeTarget(read.target, { ...surroundings, timeoutMs });
  } catch (thrown) {
    return unknown(`the probe could not be run: ${messageOf(thrown)}`);
  }
}

async function probeTarget(target: ProbeTarget, surroundings: ProbeSurroundings): Promise<ProbeResult> {
  switch (target.kind) {
    case 'command': {
      const { probeCommand } = await import('./probe-command.ts');
      return probeCommand(target, surroundings);
    }
    case 'tcp': {
      const { probeTcp } = await import('./probe-network.ts');
      return probeTcp(target, surroundings);
    }
    case 'http': {
      const { probeHttp } = await import('./probe-network.ts');
      return probeHttp(target, surroundings);
    }
    case 'file':
      return probeFile(target.path, surroundings);
    case 'none':
      return unknown('it has no probe: "periodic-cron resource set" says how it is');
  }
}

async function probeFile(path: string, { timeoutMs }: ProbeSurroundings): Promise<ProbeResult> {
  const { stat } = await import('node:fs/promises');
  // A file system that has gone away can make this wait for ever.
  const found = await within(
    timeoutMs,
    stat(path).then(
      (): ProbeResult => ({ state: 'up', why: `${path} exists` }),
      (thrown: NodeJS.ErrnoException): ProbeResult =>
        thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR'
          ? { state: 'down', why: `${path} does not exist` }
          : unknown(`could not look at ${path}: ${messageOf(thrown)}`),
    ),
  );
  return found ?? unknown(`could not look at ${path} within ${limitText(timeoutMs)}`);
}

function unknown(why: string): ProbeResult {
  return { state: 'undef', why };
}
