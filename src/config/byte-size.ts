const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};
const SIZE = /^(\d{1,12}) ?(B|KiB|MiB|GiB|)$/;

/** Reads a number of bytes, or text such as `65536`, `64KiB` or `1 MiB`; `undefined` for anything else. */
export function parseByteSize(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  const [, digits, unit] = (typeof value === 'string' && SIZE.exec(value.trim())) || [];
  const factor = unit === undefined ? undefined : UNIT_BYTES[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
}

/** Writes bytes the way {@link parseByteSize} reads them, in the largest unit that divides them. */
export function formatByteSize(bytes: number): string {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes > 0 && bytes % (UNIT_BYTES[name] ?? 1) === 0);
  return unit === undefined ? `${bytes}B` : `${bytes / (UNIT_BYTES[unit] ?? 1)}${unit}`;
}
