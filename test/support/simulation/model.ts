import { slotsToPostpone } from './model-decision.ts';
import { runByHand } from './model-run.ts';
import { createSlotBook } from './model-slots.ts';
import {
  createdState,
  type ModelRow,
  type ModelState,
  resetState,
  switchOff,
  switchOn,
} from './model-state.ts';
import { playTick } from './model-tick.ts';
import { postpone, skipSlots } from './model-transitions.ts';
import { type Model, presentNumber } from './model-world.ts';
import { createTimeline } from './timeline.ts';
import { isCutOff, type LedgerRow, operatorNode, type WorldEnd, type WorldScript } from './world.ts';
import { playWorld } from './world-events.ts';

/**
 * What should come of a world: the same script as the program's, played by the decision table in plain steps.
 *
 * This model and its parts (`model-*`) are slow on purpose, and written anew from the documents: slots are found by
 * walking over minutes and days, and due slots are kept as lists, not as a range and a count. Of the program they share
 * the stable hash, which decides spreads, and no other line: a fault has to be made twice, in two ways, to go unseen.
 */
export async function expectedEnd(script: WorldScript): Promise<WorldEnd> {
  const model: Model = {
    script,
    timeline: createTimeline(script.startsAt),
    book: createSlotBook(script),
    states: [],
    rows: new Set(),
    orphans: new Set(),
    spooled: new Set(),
    tickNumbers: new Map(),
  };
  const { timeline, states } = model;
  await playWorld(script, timeline, {
    create: (task) => {
      for (const scope of task.scope === 'one' ? ['*'] : task.nodes) {
        states.push(createdState(task, scope, timeline.now(), presentNumber(model, scope)));
      }
      return Promise.resolve();
    },
    switchTask: (task, active) => {
      for (const state of states.filter((other) => other.task === task)) {
        if (active) {
          switchOn(state, timeline.now(), presentNumber(model, state.scope));
        } else {
          switchOff(state);
        }
      }
      return Promise.resolve();
    },
    postpone: (task) => {
      for (const state of states.filter((other) => other.task === task)) {
        postponeState(model, state);
      }
      return Promise.resolve();
    },
    reset: (task) => {
      for (const state of states.filter((other) => other.task === task)) {
        resetState(state, timeline.now(), presentNumber(model, state.scope));
      }
      return Promise.resolve();
    },
    runByHand: (task, node) => runByHand(model, task, node),
    tick: (tick) => playTick(model, tick),
  });
  return { rows: [...model.rows].map(toLedgerRow), states: states.map((state) => finalState(model, state)) };
}

/** Operators leave alone what is terminated. Runs end as soon as they hear of it. */
function postponeState(model: Model, state: ModelState): void {
  const { book, timeline, rows, script } = model;
  const now = timeline.now();
  if (state.terminated) {
    return;
  }
  for (const row of state.live.filter(({ trigger }) => trigger === 'schedule')) {
    if (!isCutOff(script, row.node, now)) {
      timeline.wake(row);
    }
  }
  const slots = slotsToPostpone(book, state, now);
  if (slots !== undefined) {
    const node = operatorNode(script);
    rows.add(skipSlots(state, 'postponed', { slots, node, now, tickAt: now }));
  }
  if (state.terminated) {
    // The attempt that these slots superseded was the one failure too many.
    return;
  }
  postpone(state, now, presentNumber(model, state.scope));
}

function toLedgerRow({ endedAt: _endedAt, isPostponed: _isPostponed, ...row }: ModelRow): LedgerRow {
  return row;
}

function finalState({ book }: Model, state: ModelState): WorldEnd['states'][number] {
  const { task, scope, handled, failures, terminated, currentPeriod, active } = state;
  return {
    task: task.name,
    scope,
    handledSlot: handled,
    nextSlot: active && !terminated ? book.firstUnhandled(state) : null,
    failures,
    terminated,
    currentPeriod: task.backoff === 'none' ? null : currentPeriod,
  };
}
