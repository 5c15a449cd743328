import type { Runner } from '../../src/runner/runner.ts';
import type { Driver, SqlValue } from '../../src/store/driver.ts';

/** What every engine says, in its own words, of a row whose key is taken. */
export const KEY_IS_TAKEN = /UNIQUE constraint failed|duplicate/i;

/** What goes wrong with a statement that writes; undefined lets it pass. */
export type FaultOf = (sql: string, params: readonly SqlValue[]) => Error | undefined;

/** A driver that works, but for what its transactions write. */
export function withWriteFaults(driver: Driver, faultOf: FaultOf): Driver {
  return {
    ...driver,
    transaction: (work, options) =>
      driver.transaction(
        (statements) =>
          work({
            all: statements.all,
            run: (sql, params = []) => {
              const fault = faultOf(sql, params);
              return fault === undefined ? statements.run(sql, params) : Promise.reject(fault);
            },
          }),
        options,
      ),
  };
}

/**
 * A runner that asks `lookFor` whenever it looks for a module, and then looks for the one that this returns. It may also
 * throw, or do what happens elsewhere meanwhile.
 */
export async function withLookFor(runner: Runner, lookFor: (id: string) => string): Promise<Runner> {
  const registry = await runner.registry();
  const watched = {
    ...registry,
    resolve: async (id: string) => registry.resolve(lookFor(id)),
    checkOptions: async (id: string, options: Parameters<typeof registry.checkOptions>[1]) =>
      registry.checkOptions(lookFor(id), options),
  };
  return { ...runner, registry: () => Promise.resolve(watched) };
}
