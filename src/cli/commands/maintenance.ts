import type { Command } from 'commander';
import { didYouMean } from '../../config/near-miss.ts';
import { UsageError } from '../../core/errors.ts';
import { type Instant, SECOND_MS, toShortText } from '../../core/instants.ts';
import { findMaintenance, type Hold } from '../../store/hold.ts';
import { endMaintenance, startMaintenance } from '../../store/hold-changes.ts';
import { actorName } from '../actor.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { holdJson, maintenanceText } from '../node/hold-text.ts';
import { withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { durationValue, instantValue } from '../values.ts';

const WORDS = ['on', 'off'];

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Say whether there is maintenance, during which no node starts anything new.')
    .allowExcessArguments()
    .addHelpText(
      'after',
      `
Live runs go on. What becomes due meanwhile stays due, and is treated afterwards as catch_up of the task says. Tasks can
still be run by hand.

Examples:
  periodic-cron maintenance on --reason "new disks" --for 2h
  periodic-cron maintenance off`,
    )
    .action(actionOf(showMaintenance));
  command
    .command('on')
    .description('Let no node start anything new. Again, with another reason or end, it changes those.')
    .option('--reason <TEXT>', 'why, for everybody who wonders why nothing runs')
    .option('--for <D>', 'end by itself after this duration, such as 2h (default: when it is switched off)')
    .option('--until <T>', 'end by itself at this instant, such as 2026-11-21T06:00Z')
    .action(actionOf(switchOn));
  command
    .command('off')
    .description('Let the nodes start tasks again.')
    .action(actionOf((context) => switchOff(context)));
}

function showMaintenance(
  context: Context,
  _flags: unknown,
  { args }: Pick<Command, 'args'>,
): Promise<number> {
  const [word] = args;
  if (word !== undefined) {
    throw new UsageError(
      `maintenance: expected "on", "off" or nothing, got ${JSON.stringify(word)}${didYouMean(word, WORDS)}`,
    );
  }
  return withSession(context, { readOnly: true }, async ({ store, clock }) => {
    tell(context, { hold: await findMaintenance(store.driver, clock()), now: clock() });
    return EXIT.ok;
  });
}

type OnFlags = { readonly reason?: string; readonly for?: string; readonly until?: string };

function switchOn(context: Context, flags: OnFlags): Promise<number> {
  const { reason, endAfter } = readFlags(flags);
  return withSession(context, {}, async ({ store, clock }) => {
    const at = clock();
    const until = endAfter(at);
    if (until !== null && until <= at) {
      throw new UsageError(
        `maintenance on: --until: expected an instant after now, ${toShortText(at)}, got ${toShortText(until)}`,
      );
    }
    const actor = actorName(context.io.uid);
    const { changed, hold } = await startMaintenance(store.driver, { at, until, actor, reason });
    tell(context, { hold, now: at, changed });
    return EXIT.ok;
  });
}

type Wanted = { readonly reason: string; readonly endAfter: (now: Instant) => Instant | null };

function readFlags({ reason = '', for: span, until }: OnFlags): Wanted {
  if (reason.trim() === '') {
    throw new UsageError(
      'maintenance on: --reason: expected why, such as --reason "new disks", got nothing: whoever wonders why nothing runs is told',
    );
  }
  if (span !== undefined && until !== undefined) {
    throw new UsageError('maintenance on: expected --for or --until, got both');
  }
  const spanMs = span === undefined ? null : durationValue('maintenance on: --for', span, 1) * SECOND_MS;
  const end = until === undefined ? null : instantValue('maintenance on: --until', until);
  return { reason: reason.trim(), endAfter: (now) => (spanMs === null ? end : now + spanMs) };
}

function switchOff(context: Context): Promise<number> {
  return withSession(context, {}, async ({ store, clock }) => {
    const at = clock();
    const changed = await endMaintenance(store.driver, { at, actor: actorName(context.io.uid) });
    tell(context, { hold: undefined, now: at, changed });
    return EXIT.ok;
  });
}

type Told = {
  readonly hold: Hold | undefined;
  readonly now: Instant;
  /** Absent where nothing was to be changed. */
  readonly changed?: boolean;
};

function tell({ output }: Context, { hold, now, changed }: Told): void {
  if (output.isJson) {
    const state = { maintenance: hold === undefined ? null : holdJson(hold) };
    output.document(changed === undefined ? state : { ...state, changed });
    return;
  }
  const already = changed === false ? ' already' : '';
  output.line(
    hold === undefined
      ? `maintenance is off${already}`
      : printable(`maintenance is on${already}: ${maintenanceText(hold, now)}`),
  );
}
