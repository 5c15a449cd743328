/** Round numbers at equal distances, one for each row of a plot, that take in all values. */
export type Scale = {
  /** How many rows it takes. */
  readonly rows: number;
  /** The row of a value, counted from 0 at the bottom. */
  readonly rowOf: (value: number) => number;
  /** The number that a row stands for, with as many digits as tell the rows apart. */
  readonly labelOf: (row: number) => string;
};

// Below this a step would be too small to count with.
const NEARLY_NOTHING = 1e-290;
const LARGEST_PLAIN = 1e12;
const SMALLEST_PLAIN_STEP = 1e-6;

/**
 * Makes a scale of at most so many rows from the least to the greatest value. Where all are the same, it takes in 0, so
 * that there is a measure.
 */
export function scaleFor(least: number, greatest: number, mostRows: number): Scale {
  const [low, high] = rangeOf(least, greatest);
  const { step, lastDigit } = stepFor(low, high, mostRows);
  const base = Math.floor(low / step);
  const rows = Math.min(mostRows, Math.ceil(high / step) - base + 1);
  const numberOf = (row: number): number => within((base + row) * step);
  const largest = Math.max(Math.abs(numberOf(0)), Math.abs(numberOf(rows - 1)));
  return {
    rows,
    rowOf: (value) => Math.min(rows - 1, Math.max(0, Math.round(value / step - base))),
    labelOf: (row) => numberText(numberOf(row), { step, lastDigit, largest }),
  };
}

/** A round number beside the largest ones may be more than a number holds. */
function within(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}

function rangeOf(least: number, greatest: number): readonly [low: number, high: number] {
  const size = Math.max(Math.abs(least), Math.abs(greatest));
  if (size < NEARLY_NOTHING) {
    return [0, 1];
  }
  const isFlat = greatest / size - least / size < Number.EPSILON * 8;
  return isFlat ? [Math.min(0, least), Math.max(0, greatest)] : [least, greatest];
}

type Step = {
  readonly step: number;
  /** The power of ten of the last digit that tells the rows apart. */
  readonly lastDigit: number;
};

/** The least of 1, 2, 2.5 and 5 times a power of ten with which the rows reach from the lowest value to the highest. */
function stepFor(low: number, high: number, rows: number): Step {
  const gaps = rows - 1;
  // Divided first: the difference itself may be more than a number holds.
  let power = Math.floor(Math.log10(high / gaps - low / gaps));
  for (;;) {
    for (const digits of [1, 2, 2.5, 5]) {
      const step = Number(`${digits}e${power}`);
      if (Math.ceil(high / step) - Math.floor(low / step) <= gaps) {
        return { step, lastDigit: Number.isInteger(digits) ? power : power - 1 };
      }
    }
    power += 1;
  }
}

function numberText(
  value: number,
  { step, lastDigit, largest }: Step & { readonly largest: number },
): string {
  if (largest < LARGEST_PLAIN && step >= SMALLEST_PLAIN_STEP) {
    return value.toFixed(Math.max(0, -lastDigit));
  }
  const digits = Math.floor(Math.log10(largest)) - lastDigit;
  return value === 0 ? '0' : value.toExponential(Math.min(15, Math.max(0, digits)));
}
