import * as z from 'zod';
import { didYouMean } from '../../config/near-miss.ts';
import type { Fault } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { shown } from '../option-faults.ts';

export const SQL_ID = 'sql';
export const SQL_DESCRIPTION = 'Run SQL statements on a database of the configuration.';

const statement = () =>
  z.string().refine((text) => withoutComments(text) !== '', 'expected an SQL statement, got none');

/** What tasks of the module `sql` may say. */
export const sqlOptions = z
  .strictObject({
    connection: z.string().describe('name of the database among the connections of the configuration'),
    statements: z
      .union([statement(), z.array(statement()).min(1).max(100)])
      .describe('one statement, or a list of them, run in this order'),
    parameters: z
      .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .default([])
      .describe('values for the placeholders of a single statement'),
    transaction: z.boolean().default(true).describe('all statements or none'),
    max_rows: z.int().min(1).max(1_000).default(20).describe('how many rows of each statement are recorded'),
  })
  .check((context) => {
    const { statements, parameters, transaction } = context.value;
    const list = [statements].flat();
    const refuse = (field: string, message: string) =>
      context.issues.push({ code: 'custom', message, path: [field], input: undefined });
    if (parameters.length > 0 && list.length > 1) {
      refuse('parameters', `expected a single statement beside them, got ${list.length}`);
    }
    const index = transaction ? list.findIndex(controlsTransaction) : -1;
    if (index !== -1) {
      refuse(
        'statements',
        `expected no statement that begins or ends a transaction beside transaction: true, got one as number ${index + 1}`,
      );
    }
  });

export type SqlOptions = z.output<typeof sqlOptions>;

const TRANSACTION_CONTROL =
  /^(?:begin(?!\s+not\s)|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!.*\bto\b))\b/is;

function controlsTransaction(text: string): boolean {
  return TRANSACTION_CONTROL.test(withoutComments(text));
}

/** What a statement begins with, behind comments and blanks. */
function withoutComments(text: string): string {
  return text.replace(/^(?:\s+|;|(?:--|#)[^\n]*(?:\n|$)|\/\*(?!!)[\s\S]*?\*\/)+/, '');
}

/** The name of the connection that options hold; undefined where they hold none. */
export function connectionNamed(options: JsonValue): string | undefined {
  const name = isJsonObject(options) ? options['connection'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** What is wrong with the name of a connection; `names` are those of the configuration. */
export function faultsOfConnection(name: string, names: readonly string[]): readonly Fault[] {
  if (names.includes(name)) {
    return [];
  }
  const expected =
    names.length === 0 ? 'a connection, of which the configuration names none' : `one of ${names.join(', ')}`;
  return [
    {
      field: 'options.connection',
      message: `expected ${expected}, got ${shown(name)}${didYouMean(name, names)}`,
    },
  ];
}
