import { ConfigError } from '../core/errors.ts';

/** How to write in a part of a URL what would end the part. */
export const ENCODING =
  'within a user, a password or a name write "@" as %40, "/" as %2F, "?" as %3F, "#" as %23, "%" as %25, a space as %20';

/**
 * A part of a URL as it is meant, for people and systems to read.
 *
 * @throws ConfigError that names the part by `what` and shows nothing of it
 */
export function decoded(text: string, what: string): string {
  const plain = percentDecoded(text, what);
  if (/\p{Cc}/u.test(plain)) {
    throw new ConfigError(`${what}: expected no control characters, got one`);
  }
  return plain;
}

/**
 * As `decoded`, with any character but NUL, which no server takes.
 *
 * @throws ConfigError that names the part by `what` and shows nothing of it
 */
export function decodedSecret(text: string, what: string): string {
  const plain = percentDecoded(text, what);
  if (plain.includes('\0')) {
    throw new ConfigError(`${what}: expected no NUL character, got one`);
  }
  return plain;
}

function percentDecoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigError(
      `${what}: expected two hexadecimal digits of a UTF-8 byte after each "%", got something else (${ENCODING})`,
    );
  }
}
