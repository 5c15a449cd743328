import { describe, expect, test } from 'vitest';
import type { TaskContext } from '../../src/modules/module.ts';
import {
  type PeriodicSettings,
  periodicSpecOf,
  periodicTask,
  readPeriodicSpec,
} from '../../src/modules/periodic-task.ts';

function work(): Promise<string> {
  return Promise.resolve('done');
}

describe('a task that is declared', () => {
  test('is a module without options, named as its function', async () => {
    const module = periodicTask({}, work);
    expect({ id: module.id, options: module.options, spec: periodicSpecOf(module) }).toEqual({
      id: 'work',
      options: undefined,
      spec: { spacingSeconds: 0, runImmediately: false, enabled: true },
    });
    expect(await module.run({}, {} as TaskContext)).toBe('done');
  });

  test('hands its context to the function', async () => {
    const context = { runId: 'x' } as TaskContext;
    const given: unknown[] = [];
    await periodicTask({ name: 'a' }, (one) => void given.push(one)).run({}, context);
    expect(given).toEqual([context]);
  });

  test.each<[number | string, number, string]>([
    [90, 90, 'every 1m30s'],
    ['1h30m', 5_400, 'every 1h30m'],
    [0, 0, 'with the default spacing'],
    [-1, -1, 'not scheduled: its spacing is negative'],
    ['-5m', -300, 'not scheduled: its spacing is negative'],
  ])('has the spacing %j', (spacing, spacingSeconds, text) => {
    const module = periodicTask({ spacing }, work);
    expect(periodicSpecOf(module)).toMatchObject({ spacingSeconds });
    expect(module.description).toBe(`A task that its file declares, ${text}.`);
  });

  test.each<[string, unknown, string]>([
    ['no name', () => undefined, 'expected a name, or a function that has one, got neither'],
    ['a name that is none', { name: 'two words' }, 'letters, digits, "_", "." and "-", got "two words"'],
    ['half a second', { spacing: 0.5 }, '"work": spacing: expected whole seconds'],
    ['no number', { spacing: Number.NaN }, 'or a duration such as 90s, got NaN'],
    ['no duration', { spacing: '5 minutes' }, 'expected a duration such as 90s'],
    ['nothing for a duration', { spacing: null }, '"work": spacing: expected whole seconds'],
    ['a setting of another system', { ticksBetweenRuns: 1 }, 'enabled, description, got "ticksBetweenRuns"'],
    ['a setting with a slip', { runImmediatly: true }, '(did you mean runImmediately?)'],
    ['text for yes', { enabled: 'yes' }, '"work": enabled: expected true or false, got "yes"'],
  ])('with %s is refused', (_title, settings, message) => {
    const declare =
      typeof settings === 'function'
        ? () => periodicTask({}, async () => undefined)
        : () => periodicTask(settings as PeriodicSettings, work);
    expect(declare).toThrow(message);
  });

  test.each<[string, readonly unknown[], string]>([
    ['nothing', [], 'got nothing and nothing'],
    ['a period alone', [60], 'got 60 and nothing'],
    ['a function alone', [work], 'got a function and nothing'],
    ['a name alone', [{ name: 'a' }], 'got {"name":"a"} and nothing'],
  ])('by %s is refused', (_title, given, message) => {
    const declare = periodicTask as unknown as (...parts: readonly unknown[]) => unknown;
    expect(() => declare(...given)).toThrow(
      `periodicTask: expected settings and then a function, ${message}`,
    );
  });
});

test('what is no such module says nothing of when it runs', () => {
  expect(periodicSpecOf({ id: 'a', description: 'b', run: work })).toBeUndefined();
  expect(readPeriodicSpec({ spacingSeconds: 1.5, runImmediately: false, enabled: true })).toBeUndefined();
  expect(readPeriodicSpec({ spacingSeconds: 60, enabled: true })).toBeUndefined();
});
