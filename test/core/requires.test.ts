import { describe, expect, test } from 'vitest';
import { faultOfResourceName, parseRequires } from '../../src/core/requires.ts';

const UP = ['up', 'stdby up'];

describe('the conditions of a task', () => {
  test.each([
    ['', []],
    ['  ', []],
    ['ip#0', [{ resource: 'ip#0', states: UP }]],
    ['ip#0(up)', [{ resource: 'ip#0', states: ['up'] }]],
    [
      'ip#0(up) fs#1(up,stdby up)',
      [
        { resource: 'ip#0', states: ['up'] },
        { resource: 'fs#1', states: UP },
      ],
    ],
    ['\tfs#1( stdby  up , down )\n', [{ resource: 'fs#1', states: ['stdby up', 'down'] }]],
    ['disk.md-0(n/a,undef,warn)', [{ resource: 'disk.md-0', states: ['n/a', 'undef', 'warn'] }]],
    ['svc:5432@db/1', [{ resource: 'svc:5432@db/1', states: UP }]],
    ['Büro(up,up)', [{ resource: 'Büro', states: ['up'] }]],
  ])('%j', (text, requirements) => {
    expect(parseRequires(text)).toEqual(requirements);
  });

  test.each([
    ['ip#0(up', 'expected a closing parenthesis, got the end of the text (at character 5)'],
    ['ip#0()', /^expected one of the states .* got none \(at character 6\)$/],
    ['ip#0(up,)', /^expected one of the states .* got none \(at character 9\)$/],
    ['ip#0(up, on)', /^expected one of the states up, down, .* got "on" \(at character 10\)$/],
    ['ip#0(UP)', /got "UP" \(at character 6\)$/],
    ['ip#0(up)fs#1', 'expected a blank before the next resource, got "f" (at character 9)'],
    ['ip#0,fs#1', 'expected a blank before the next resource, got "," (at character 5)'],
    ['(up)', 'expected the name of a resource such as ip#0, got "(" (at character 1)'],
    ['ip#0 )', 'expected the name of a resource such as ip#0, got ")" (at character 6)'],
    ['ip#0 fs#1 ip#0(down)', 'expected each resource once, got "ip#0" again (at character 11)'],
  ])('%j is refused where it is wrong', (text, message) => {
    expect(() => parseRequires(text)).toThrow(message);
  });
});

test.each([
  ['ip#0', true],
  ['back end', false],
  ['#0', false],
  ['ip#0(', false],
  ['', false],
  ['x'.repeat(256), false],
])('a resource may be called %j: %s', (name, may) => {
  expect(faultOfResourceName(name) === undefined).toBe(may);
});
