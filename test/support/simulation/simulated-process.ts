import { DatabaseError } from '../../../src/core/errors.ts';
import type { Driver } from '../../../src/store/driver.ts';

/** A process of a node that uses the database. */
export type SimulatedProcess = {
  /** A dead process does nothing any more, whatever its promises were about to do. */
  isDead: boolean;
};

/** The driver as the process has it: it answers a dead one never, and fails while the node is cut off. */
export function driverOf(driver: Driver, process: SimulatedProcess, isCutOff: () => boolean): Driver {
  const guarded = <T>(call: () => Promise<T>): Promise<T> => {
    if (process.isDead) {
      return new Promise(() => undefined);
    }
    return isCutOff()
      ? Promise.reject(new DatabaseError('the database is away, as the script says'))
      : call();
  };
  return {
    engine: driver.engine,
    all: (sql, params) => guarded(() => driver.all(sql, params)),
    run: (sql, params) => guarded(() => driver.run(sql, params)),
    transaction: (work, options) => guarded(() => driver.transaction(work, options)),
    close: () => driver.close(),
  };
}

/** The driver of a process that is killed after its first transaction; `die` leaves its world. */
export function dyingDriver(driver: Driver, process: SimulatedProcess, die: () => Promise<never>): Driver {
  return {
    ...driver,
    transaction: async (work, options) => {
      await driver.transaction(work, options);
      process.isDead = true;
      return die();
    },
  };
}
