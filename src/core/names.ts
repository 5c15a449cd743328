export const MAX_NAME_LENGTH = 255;

const CONTROL_OR_INVALID = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The form in which a name of a task, a node or a tag is stored and compared: trimmed, Unicode NFC. */
export function normalizeName(name: string): string {
  return name.trim().normalize('NFC');
}

/**
 * Says what is wrong with a name in its normal form, or `undefined` if it may be stored: 1 to 255 characters (code
 * points), any Unicode but control characters.
 */
export function faultOfName(name: string): string | undefined {
  const length = [...name].length;
  if (length === 0) {
    return 'expected 1 to 255 characters, got none';
  }
  if (length > MAX_NAME_LENGTH) {
    return `expected 1 to 255 characters, got ${length}`;
  }
  if (CONTROL_OR_INVALID.test(name)) {
    return `expected no control characters, got ${JSON.stringify(name)}`;
  }
  if (name !== normalizeName(name)) {
    return `expected a name without spaces around it, in Unicode form NFC, got ${JSON.stringify(name)}`;
  }
  return undefined;
}
