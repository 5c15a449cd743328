import type { ApiCase } from '../../core/cases/world.ts';

/**
 * What the tests make of a case with a real database and real ticks. Without `why` it is taken over: the check expects
 * what the case says, read from it. With `why` it is not, or not as it stands, and the check says what holds instead.
 */
export type Played = { readonly why?: string; readonly check: (one: ApiCase) => Promise<void> };

export type PlayedCases = Readonly<Record<string, Played>>;

type Step = Readonly<Record<string, unknown>>;

/** What the actions of a case that have this name say, in their order. */
export function actionsOf<Said>({ action }: ApiCase, name: string): readonly Said[] {
  return (action as readonly Step[]).flatMap((step) => (name in step ? [step[name] as Said] : []));
}

/** The same for a name that the case has once, or of which the first one counts. */
export function actionOf<Said>(one: ApiCase, name: string): Said {
  const [first] = actionsOf<Said>(one, name);
  if (first === undefined) {
    throw new Error(`expected an action ${JSON.stringify(name)} in the case ${one.name}, got none`);
  }
  return first;
}

const CLAUSE = /^(>=|<) (.+?)(?: ?\+ ?(\d+))?$/;

/**
 * Whether a time is as a case says, in words such as `>= t0+10 and < t0+30`; `known` are the times that it names.
 *
 * @throws Error for words that say something else, so that no case is taken for met because nobody could read it
 */
export function isAsSaid(
  said: unknown,
  time: number | null,
  known: Readonly<Record<string, number>>,
): boolean {
  return String(said)
    .split(' and ')
    .every((clause) => {
      const [, relation, name = '', more = '0'] = CLAUSE.exec(clause) ?? [];
      const from = known[name];
      if (relation === undefined || from === undefined) {
        throw new Error(`expected a time such as ">= t0+10", got ${JSON.stringify(clause)}`);
      }
      const bound = from + Number(more);
      return time !== null && (relation === '<' ? time < bound : time >= bound);
    });
}
