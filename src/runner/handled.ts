import type { Run } from '../store/run-row.ts';
import type { NotRun, RunReport } from './runner.ts';

/**
 * What became of one state in this tick. `again`: what is left of it is decided anew in the same tick, and `waitedFor`
 * says what has kept that from starting before.
 */
export type Handled =
  | {
      readonly kind: 'ran';
      readonly run: RunReport;
      readonly superseded: RunReport | undefined;
      readonly again: boolean;
      readonly waitedFor?: string | null;
    }
  | {
      readonly kind: 'not-run';
      readonly notRun: NotRun;
      readonly superseded?: RunReport | undefined;
      readonly again?: boolean;
      readonly waitedFor?: string | null;
    }
  /** The node runs as many tasks as it may: nothing further starts in this tick. */
  | { readonly kind: 'full'; readonly notRun: NotRun; readonly running: readonly Run[] }
  /** Nothing to tell: the state is gone, not of this node, or was handled by another runner. */
  | { readonly kind: 'nothing' };

export const NOTHING: Handled = { kind: 'nothing' };

/** How often a state is looked at before whoever keeps losing it to others gives up. */
export const LOST_CLAIMS = 5;

/** `lost`: another runner, or a change of the definition, was first, so the state is to be looked at again. */
export type Handling = Handled | 'lost';
