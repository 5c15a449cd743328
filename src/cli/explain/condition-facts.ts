import { isBack, type KnownResource } from '../../core/conditions.ts';
import { restsOffline } from '../../core/gate.ts';
import { floorToMinute } from '../../core/instants.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES } from '../../core/task.ts';
import type { Definition } from '../../runner/definition.ts';
import { type Blockage, blockageOf } from '../../runner/recorded-states.ts';
import type { TickRow } from '../../store/health.ts';
import type { Subject } from './subject.ts';

/** For what a state rests that is offline. */
export type RestFacts = {
  readonly resource: string;
  /** How that is by what is recorded; undefined where there is no such resource. */
  readonly known: KnownResource | undefined;
  /** False where the policy of the task lets it rest no more. */
  readonly isAsked: boolean;
  /** The next tick wakes it. */
  readonly wakes: boolean;
};

type Standing = {
  readonly definition: Definition;
  /** The state as it stands now. */
  readonly state: TaskState | undefined;
};

/**
 * The blockage of a state at the instant. A state says that it is blocked, not since when: in the past it was so if a
 * tick had looked at what was due by then, and what it requires has not held since.
 */
export async function blockageFacts(
  subject: Subject,
  { definition, state, lastTick }: Standing & { readonly lastTick: TickRow | undefined },
): Promise<Blockage | undefined> {
  if (definition.kind !== 'valid' || state === undefined || state.blockedReason === null) {
    return undefined;
  }
  const { isNow, at } = subject;
  const { on } = await subject.resources();
  const blockage = blockageOf(definition.task, state, { nodes: takersOf(subject), on });
  if (isNow || blockage === undefined) {
    return blockage;
  }
  const dueSince = state.retryAt ?? state.nextSlot;
  const wasLooked =
    lastTick !== undefined && (dueSince === null || lastTick.tickAt >= floorToMinute(dueSince));
  return wasLooked && (blockage.since === null || blockage.since <= at) ? blockage : undefined;
}

/** For what a state rests now; undefined for one that does not. */
export async function restFacts(
  subject: Subject,
  { definition, state }: Standing,
): Promise<RestFacts | undefined> {
  if (definition.kind !== 'valid' || state === undefined || state.offlineDisabledAt === null) {
    return undefined;
  }
  const { task } = definition;
  const resource = task.offlineResource ?? '';
  const { on } = await subject.resources();
  const nodes = state.scopeKey === ALL_NODES ? takersOf(subject) : [state.scopeKey];
  const found = nodes.map((node) => on(node)(resource));
  const isAsked = restsOffline(task);
  const back = found.find((known) => isBack(known));
  return {
    resource,
    known: back ?? found[0],
    isAsked,
    wakes: !isAsked || found.some((known) => isBack(known)),
  };
}

/** The nodes that may take the slots of a state that they share. */
function takersOf({ nodes, knownNodes }: Subject): readonly string[] {
  return nodes.includes(ALL_NODES) ? knownNodes : nodes;
}
