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
    return { kind: 'fault', message: fault.message, offset: fault.pos[0] };
  }
  try {
    return { kind: 'read', content: document.toJS() };
  } catch (error) {
    // An alias without an anchor, or aliases that multiply without end.
    return { kind: 'fault', message: messageOf(error), offset: undefined };
  }
}
