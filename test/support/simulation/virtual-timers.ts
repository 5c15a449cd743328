import { vi } from 'vitest';

/** The timers of a simulated world. */
export type VirtualTimers = {
  /** Moves time limits on by so many milliseconds. */
  readonly advance: (milliseconds: number) => void;
  /** Lets everything look once that looks again and again. */
  readonly lookAround: () => void;
  readonly restore: () => void;
};

/**
 * Replaces the timers of this process. Time limits go with the virtual clock; what looks again and again, for requests
 * to end a run, looks when it is told to: months of looks that find nothing would take hours.
 */
export function useVirtualTimers(): VirtualTimers {
  const looks = new Map<unknown, () => void>();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const set = vi.spyOn(globalThis, 'setInterval').mockImplementation((look: () => void) => {
    const timer = { unref: () => timer };
    looks.set(timer, look);
    return timer as unknown as NodeJS.Timeout;
  });
  const clear = vi.spyOn(globalThis, 'clearInterval').mockImplementation((timer) => {
    looks.delete(timer);
  });
  return {
    advance: (milliseconds) => vi.advanceTimersByTime(milliseconds),
    lookAround: () => {
      for (const look of [...looks.values()]) {
        look();
      }
    },
    restore: () => {
      set.mockRestore();
      clear.mockRestore();
      vi.useRealTimers();
    },
  };
}
