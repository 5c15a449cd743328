import { messageOf } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';

/** The largest JSON text that a run may hand back as its result or keep as its state, in UTF-8 bytes. */
export const MAX_JSON_BYTES = 1024 * 1024;

export type JsonCopy =
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'fault'; readonly message: string };

/**
 * Copies a value as JSON would, or says where it holds something that JSON would change silently or refuse: a function,
 * a symbol, a big integer, a number that is not finite, a Map or Set, a cycle. Properties that are undefined are left
 * out and `toJSON` is honoured, as `JSON.stringify` does. Never throws, whatever the value's getters do.
 */
export function jsonCopyOf(value: unknown, name: string): JsonCopy {
  try {
    const fault = faultOf(value, name, []);
    if (fault !== undefined) {
      return { kind: 'fault', message: fault };
    }
    const text = JSON.stringify(value);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_JSON_BYTES) {
      return {
        kind: 'fault',
        message: `${name}: expected at most ${MAX_JSON_BYTES} bytes of JSON, got ${bytes}`,
      };
    }
    const copy: JsonValue = JSON.parse(text);
    return { kind: 'json', value: copy };
  } catch (thrown) {
    return { kind: 'fault', message: `${name}: expected JSON, got a value that fails: ${messageOf(thrown)}` };
  }
}

function faultOf(value: unknown, path: string, ancestors: readonly unknown[]): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) {
    return undefined;
  }
  if (typeof value !== 'object') {
    const shown = typeof value === 'number' ? String(value) : `a ${typeof value}`;
    return `${path}: expected JSON, got ${value === undefined ? 'undefined' : shown}`;
  }
  if (ancestors.includes(value)) {
    return `${path}: expected JSON, got an object that contains itself`;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return undefined;
  }
  if (value instanceof Map || value instanceof Set || value instanceof Error) {
    return `${path}: expected JSON, got a ${value.constructor.name}`;
  }
  return faultInside(value, path, [...ancestors, value]);
}

function faultInside(value: object, path: string, ancestors: readonly unknown[]): string | undefined {
  const isList = Array.isArray(value);
  for (const [key, member] of Object.entries(value)) {
    const memberPath = isList ? `${path}[${key}]` : `${path}.${key}`;
    const fault = member === undefined && !isList ? undefined : faultOf(member, memberPath, ancestors);
    if (fault !== undefined) {
      return fault;
    }
  }
  return undefined;
}
