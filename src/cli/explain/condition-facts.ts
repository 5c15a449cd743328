import { isBack, isOffline, type KnownResource } from '../../core/conditions.ts';
import { restsOffline } from '../../core/gate.ts';
import { floorToMinute } from '../../core/instants.ts';
import type { TaskState } from '../../core/state.ts';
import { ALL_NODES } from '../../core/task.ts';
import type { Definition } from '../../runner/definition.ts';
import { type Blockage, blockageOf, takersOf } from '../../runner/recorded-states.ts';
import type { TickRow } from '../../store/health.ts';
import type { Hold } from '../../store/hold.ts';
import { holdsAt } from '../../store/past-holds.ts';
import type { Subject } from './subject.ts';

/** For what a state rests that is offline. */
export type RestFacts = {
  readonly resource: string;
  /** How that is by what is recorded; undefined where there is no such resource. */
  readonly known: KnownResource | undefined;
  /** On which node, for a state that nodes share. */
  readonly node: string | undefined;
  /** False where the policy of the task lets it rest no more. */
  readonly isAsked: boolean;
  /** The next tick wakes it. */
  readonly wakes: boolean;
  /** What keeps the node from waking it that else would, and which node that is. */
  readonly kept: { readonly node: string; readonly hold: Hold } | undefined;
  /** False for an instant in the past, of which nobody knows what the next tick did. */
  readonly isNow: boolean;
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
  const nodes = takersOf(subject, state, subject.knownNodes);
  const blockage = blockageOf(definition.task, state, { nodes, on });
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
  const { ofNode } = await holdsAt(subject.database, subject.at);
  const found = takersOf(subject, state, subject.knownNodes).map((node) => ({
    node,
    known: on(node)(resource),
    hold: ofNode(node),
  }));
  const isAsked = restsOffline(task);
  const wakers = found.filter(({ known }) => !isAsked || isBack(known));
  const free = wakers.find(({ hold }) => hold === undefined);
  const [held] = free === undefined ? wakers : [];
  const told = free ?? held ?? found.find(({ known }) => isOffline(known)) ?? found[0];
  return {
    resource,
    known: told?.known,
    node: state.scopeKey === ALL_NODES ? told?.node : undefined,
    isAsked,
    wakes: free !== undefined,
    kept: held?.hold === undefined ? undefined : { node: held.node, hold: held.hold },
    isNow: subject.isNow,
  };
}
