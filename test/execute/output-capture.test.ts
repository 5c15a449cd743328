import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputCapture } from '../../src/execute/output-capture.ts';

function captured(limit: number, ...pieces: readonly (string | Buffer)[]) {
  const capture = new OutputCapture(limit);
  for (const piece of pieces) {
    capture.write(Buffer.from(piece));
  }
  return capture.result();
}

test('output within the limit is kept whole', () => {
  expect(captured(10, 'hello', 'world')).toEqual({ text: 'helloworld', bytes: 10, cut: false });
});

test('output beyond the limit keeps head and tail and says how much is missing', () => {
  expect(captured(10, 'hello', ' wide ', 'world')).toEqual({
    text: 'hello\n[6 bytes left out]\nworld',
    bytes: 16,
    cut: true,
  });
});

test('a limit of zero keeps nothing but the count', () => {
  expect(captured(0, 'hello')).toEqual({ text: '\n[5 bytes left out]\n', bytes: 5, cut: true });
});

test('the cut never splits a character', () => {
  // "äöü€" has 2 + 2 + 2 + 3 bytes: both halves of the limit end inside a character.
  expect(captured(6, 'äöü€ä')).toEqual({ text: 'ä\n[7 bytes left out]\nä', bytes: 11, cut: true });
  expect(captured(10, 'x€€€€€x')).toEqual({ text: 'x€\n[9 bytes left out]\n€x', bytes: 17, cut: true });
});

test('a character that comes in two pieces is whole', () => {
  const euro = Buffer.from('€');
  expect(captured(10, euro.subarray(0, 1), euro.subarray(1)).text).toBe('€');
});

test('bytes that are no text are replaced', () => {
  expect(captured(10, Buffer.from([0x61, 0xff, 0x00, 0x62])).text).toBe('a\uFFFD\uFFFDb');
});

test('the listener gets everything as it comes, with whole characters', () => {
  const heard: string[] = [];
  const capture = new OutputCapture(2, (text) => heard.push(text));
  const euro = Buffer.from('€');
  capture.write(Buffer.concat([Buffer.from('one '), euro.subarray(0, 2)]));
  capture.write(Buffer.concat([euro.subarray(2), Buffer.from(' two')]));
  capture.write(Buffer.from([0xe2]));
  capture.result();
  expect(heard).toEqual(['one ', '€ two', '\uFFFD']);
});

test('a listener that throws does not disturb the capture', () => {
  const capture = new OutputCapture(10, () => {
    throw new Error('gone');
  });
  capture.write(Buffer.from('kept'));
  expect(capture.result().text).toBe('kept');
});

test('whatever the pieces, head and tail are those of the whole', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{0,30}$/)),
      fc.integer({ min: 0, max: 20 }),
      (pieces, limit) => {
        const whole = pieces.join('');
        const head = whole.slice(0, Math.ceil(limit / 2));
        const tail = whole.slice(Math.max(0, whole.length - Math.floor(limit / 2)));
        const missing = whole.length - head.length - tail.length;
        const expected = whole.length <= limit ? whole : `${head}\n[${missing} bytes left out]\n${tail}`;
        expect(captured(limit, ...pieces).text).toBe(expected);
      },
    ),
  );
});
