import { parseDocument } from 'yaml';
import { messageOf } from '../core/errors.ts';

export type YamlReading =
  | { readonly kind: 'read'; readonly content: unknown }
  | { readonly kind: 'fault'; readonly message: string; readonly offset: number | undefined };

/** Reads YAML. The message of a fault does not quote the text, which may hold a password. */
export function readYaml(text: string): YamlReading {
  const document = parseDocument(text, { prettyErrors: false });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    return { kind: 'fault', message: unquoted(fault.message), offset: fault.pos[0] };
  }
  try {
    return { kind: 'read', content: document.toJS() };
  } catch (error) {
    // An alias without an anchor, or aliases that multiply without end.
    return { kind: 'fault', message: unquoted(messageOf(error)), offset: undefined };
  }
}

/** The words after which messages of the library quote the text. */
const QUOTING =
  /^(Unresolved tag|Unresolved alias|Block scalar header includes extra characters|Not a YAML token|Could not resolve tag|Not a valid tag|Unknown directive|Invalid escape sequence|Unsupported YAML version|Unexpected scalar)\b|: "/;

function unquoted(message: string): string {
  const match = QUOTING.exec(message);
  if (match === null) {
    return /tag|directive/i.test(message) ? 'a tag or directive that cannot be used' : message;
  }
  return match[1] ?? message.slice(0, match.index);
}
