/** What is wrong with the name or number of a user or group, whether or not there is one; undefined when nothing is. */
export function faultOfAccountName(value: string): string | undefined {
  if (!ACCOUNT.test(value)) {
    return `expected a name or a number, got ${JSON.stringify(value)}`;
  }
  return isAccountNumber(value) && Number(value) > LAST_ACCOUNT_NUMBER
    ? `expected a number up to ${LAST_ACCOUNT_NUMBER}, got ${value}`
    : undefined;
}

/** True for text that is a number rather than a name. */
export function isAccountNumber(value: string): boolean {
  return /^\d+$/.test(value);
}

// The number above it means "no change" to the calls of the system.
export const LAST_ACCOUNT_NUMBER = 2 ** 32 - 2;

const ACCOUNT = /^[^\s:/,\-\p{Cc}][^\s:/,\p{Cc}]{0,255}$/u;
