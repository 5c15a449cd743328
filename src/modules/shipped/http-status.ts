const RANGE = /^([1-5]\d\d)-([1-5]\d\d)$/;

/** An expected status as an option has it: `404`, or `200-299`. */
export type ExpectedStatus = number | string;

/** Whether text such as `200-299` is a range of statuses that is not empty. */
export function isStatusRange(text: string): boolean {
  const [, first, last] = RANGE.exec(text) ?? [];
  return first !== undefined && last !== undefined && first <= last;
}

/** Whether a status is one of those. */
export function isExpected(status: number, expected: readonly ExpectedStatus[]): boolean {
  return expected.some((one) => {
    const [, first, last] = RANGE.exec(String(one)) ?? [];
    return first === undefined ? status === Number(one) : Number(first) <= status && status <= Number(last);
  });
}
