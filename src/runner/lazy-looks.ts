import type { Asked } from '../core/conditions.ts';
import type { Looker, Looks } from './looks.ts';

/** The looks of one tick, of which nothing is loaded before a task asks: most never do. */
export function lazyLooks(looker: Looker): Looks {
  let opened: Promise<Looks> | undefined;
  let expected: readonly Asked[] = [];
  return {
    expect: (asked) => {
      expected = asked;
    },
    at: async (names) => {
      opened ??= import('./looks.ts').then(({ openLooks }) => openLooks(looker));
      const looks = await opened;
      if (expected.length > 0) {
        looks.expect(expected);
        expected = [];
      }
      return looks.at(names);
    },
  };
}
