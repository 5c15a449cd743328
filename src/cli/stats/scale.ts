/** Round numbers at equal distances, one for each row of a plot, that take in all values. */
export type Scale = {
  /** The row of a value, counted from 0 at the bottom. */
  readonly rowOf: (value: number) => number;
  /** The number that a row stands for, with as many digits as tell the rows apart. */
  readonly labelOf: (row: number) => string;
};

// Below this a step would be too small to count with.
const NEARLY_NOTHING = 1e-290;
const LARGEST_PLAIN = 1e12;
const SMALLEST_PLAIN_STEP = 1e-6;

/** Makes a scale from the least to the greatest value. Where all are the same, it takes in 0, so that there is a measure. */
export function scaleFor(least: number, greatest: number, rows: number): Scale {
  const [low, high] = rangeOf(least, greatest);
  const step = stepFor(low, high, rows);
  const base = Math.floor(low / step);
  const largest = Math.max(Math.abs(base * step), Math.abs((base + rows - 1) * step));
  return {
    rowOf: (value) => Math.min(rows - 1, Math.max(0, Math.round(value / step - base))),
    labelOf: (row) => numberText((base + row) * step, { step, largest }),
  };
}

function rangeOf(least: number, greatest: number): readonly [low: number, high: number] {
  const size = Math.max(Math.abs(least), Math.abs(greatest));
  if (size < NEARLY_NOTHING) {
    return [0, 1];
  }
  const isFlat = greatest / size - least / size < Number.EPSILON * 8;
  return isFlat ? [Math.min(0, least), Math.max(0, greatest)] : [least, greatest];
}

/** The least of 1, 2 and 5 times a power of ten with which the rows reach from the lowest value to the highest. */
function stepFor(low: number, high: number, rows: number): number {
  const gaps = rows - 1;
  // Divided first: the difference itself may be more than a number holds.
  let power = Math.floor(Math.log10(high / gaps - low / gaps));
  for (;;) {
    for (const digit of [1, 2, 5]) {
      const step = Number(`${digit}e${power}`);
      if (Math.ceil(high / step) - Math.floor(low / step) <= gaps) {
        return step;
      }
    }
    power += 1;
  }
}

function numberText(
  value: number,
  { step, largest }: { readonly step: number; readonly largest: number },
): string {
  const lastDigit = Math.floor(Math.log10(step));
  if (largest < LARGEST_PLAIN && step >= SMALLEST_PLAIN_STEP) {
    return value.toFixed(Math.max(0, -lastDigit));
  }
  const digits = Math.floor(Math.log10(largest)) - lastDigit;
  return value === 0 ? '0' : value.toExponential(Math.min(15, Math.max(0, digits)));
}
