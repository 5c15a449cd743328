import { describe, expect, test } from 'vitest';
import type { TaskContext } from '../../src/modules/module.ts';
import { checkOptions } from '../../src/modules/options.ts';
import { eventcounterModule } from '../../src/modules/shipped/eventcounter.ts';
import type { CounterReading, CounterWritten } from '../../src/store/counter-to-stat.ts';

async function run(options: object, written: CounterWritten) {
  const readings: CounterReading[] = [];
  const lines: string[] = [];
  const context = { runId: 'r1', log: { info: (line: string) => lines.push(line) } };
  const writeCounter = (reading: CounterReading) => {
    readings.push(reading);
    return Promise.resolve(written);
  };
  const parsed = eventcounterModule.options.parse({ event_counter: 'seen', stats_key: 'new', ...options });
  const result = await eventcounterModule.run(parsed, context as unknown as TaskContext, {
    statistics: { now: () => 7_000, writeCounter },
  });
  return { readings, lines, result };
}

describe('the module eventcounter', () => {
  test('writes a counter as a statistic of now, and leaves it unless asked otherwise', async () => {
    expect(await run({}, { kind: 'written', value: 12n })).toEqual({
      readings: [{ token: 'r1', counter: 'seen', key: 'new', at: 7_000, reset: false }],
      lines: ['counter seen: 12'],
      result: { value: 12, reset: false },
    });
  });

  test('takes what it wrote off the counter if asked, under the names as they are stored', async () => {
    const options = { event_counter: ' Zu\u0308ge ', stats_key: 'new ', reset_event_counter: true };
    expect(await run(options, { kind: 'written', value: 3n })).toMatchObject({
      readings: [{ counter: 'Züge', key: 'new', reset: true }],
      lines: ['counter Züge: 3, taken off it'],
      result: { value: 3, reset: true },
    });
  });

  test('tells a large value as it is', async () => {
    const { result } = await run({}, { kind: 'written', value: 9_007_199_254_740_993n });
    expect(result).toEqual({ value: '9007199254740993', reset: false });
  });

  test('has the result of an earlier attempt that has written already', async () => {
    const { lines, result } = await run({}, { kind: 'done-before', result: { value: 4, reset: false } });
    expect(result).toEqual({ value: 4, reset: false });
    expect(lines).toEqual(['counter seen: an earlier attempt of this slot has written it']);
  });

  test('fails where it changed nothing', async () => {
    await expect(run({}, { kind: 'too-large', value: 2n ** 60n })).rejects.toThrow(
      'counter "seen": expected at most 9007199254740991, which a statistic holds exactly, got 1152921504606846976; nothing was changed',
    );
    await expect(run({}, { kind: 'not-live' })).rejects.toThrow('nothing was changed');
  });

  test('wants the names of a counter and of a statistic', async () => {
    const { options } = eventcounterModule;
    expect(await checkOptions(options, { event_counter: 'a', stats_key: 'b' })).toEqual([]);
    const faults = await checkOptions(options, { event_counter: ' ', reset_event_counter: 'yes' });
    expect(faults.map(({ field }) => field)).toEqual([
      'options.event_counter',
      'options.stats_key',
      'options.reset_event_counter',
    ]);
    expect(faults[0]?.message).toMatch(/^expected 1 to 255 characters, got none/);
  });
});
