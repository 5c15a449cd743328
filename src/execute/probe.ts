import { faultText, messageOf } from '../core/errors.ts';
import type { ResourceState } from '../core/requires.ts';
import type { Resource } from '../store/resources.ts';
import { type ProbeTarget, readProbe } from './probe-target.ts';

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
 * host that does not answer in time is `down`. Never rejects. Returns within the time limit and two or three seconds, or
 * about five where a process of the probe cannot be ended, which is named then.
 */
export async function probeResource(
  resource: Resource,
  surroundings: Omit<ProbeSurroundings, 'timeoutMs'>,
): Promise<ProbeResult> {
  const read = readProbe(resource);
  if (read.kind === 'faults') {
    return unknown(faultText(read.faults));
  }
  try {
    const timeoutMs = resource.timeoutSeconds * 1_000;
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
    case 'file': {
      const { probeFile } = await import('./probe-file.ts');
      return probeFile(target.path, surroundings);
    }
    case 'none':
      return unknown('it has no probe: "periodic-cron resource set" says how it is');
  }
}

function unknown(why: string): ProbeResult {
  return { state: 'undef', why };
}
