import { once } from '../core/once.ts';
import type { Expected, Looker, Looks } from './looks.ts';

/** The looks of one tick, of which nothing is loaded before a task asks: most never do. */
export function lazyLooks(looker: Looker): Looks {
  const open = once(async () => (await import('./looks.ts')).openLooks(looker));
  let expected: Expected | undefined;
  return {
    expect: (next) => {
      expected = next;
    },
    at: async (names) => {
      const looks = await open();
      if (expected !== undefined) {
        looks.expect(expected);
        expected = undefined;
      }
      return looks.at(names);
    },
  };
}
