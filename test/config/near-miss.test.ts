import { expect, test } from 'vitest';
import { didYouMean, nearMiss } from '../../src/config/near-miss.ts';

test.each([
  ['lst', 'list'],
  ['lsit', 'list'],
  ['LIST', 'list'],
  ['lists', 'list'],
  ['runscheduled', 'run_scheduled'],
  ['shwo', 'show'],
  ['zebra', undefined],
  ['x', undefined],
  ['', undefined],
])('"%s" most likely means %s', (word, expected) => {
  expect(nearMiss(word, ['list', 'show', 'run_scheduled', 'e'])).toBe(expected);
});

test('the nearest of several is meant', () => {
  expect(nearMiss('max_runing', ['min_running', 'max_running'])).toBe('max_running');
});

test('a message ends in the word that was meant, or in nothing', () => {
  expect(didYouMean('nod', ['node'])).toBe(' (did you mean node?)');
  expect(didYouMean('colour', ['node'])).toBe('');
});
