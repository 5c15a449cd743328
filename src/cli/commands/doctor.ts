import type { Command } from 'commander';
import { type Config, databaseName } from '../../config/config.ts';
import { DatabaseError, SchemaError } from '../../core/errors.ts';
import { type OpenedStore, openStore } from '../../store/open.ts';
import type { ActionOf } from '../command-list.ts';
import type { Context } from '../context.ts';
import { checkClocks } from '../doctor/check-clocks.ts';
import { checkContents } from '../doctor/check-contents.ts';
import { checkCrontab } from '../doctor/check-crontab.ts';
import { checkDatabaseFile, checkIntegrity, checkOtherDatabases } from '../doctor/check-database.ts';
import { checkPasswordFile } from '../doctor/check-password-file.ts';
import { type Finding, failureOf, inOrder, ok } from '../doctor/finding.ts';
import { systemWorld, type World } from '../doctor/world.ts';
import { EXIT } from '../exit-codes.ts';
import { readClock } from '../session.ts';
import { type Color, printable } from '../terminal.ts';

export function define(command: Command, actionOf: ActionOf): void {
  command
    .description('Check configuration, database, definitions, crontab and ticks, and say what to do.')
    .option('-n, --node <NAME>', 'check as this node')
    .addHelpText(
      'after',
      `
Changes nothing in the database. Ends with 1 if a check failed, else with 0: a warning may be what you want.
Run it as the user of the crontab; another one may not see the database or the crontab.`,
    )
    .action(actionOf((context, flags: Flags) => doctor(context, flags)));
}

export type Flags = { readonly node?: string };

/** Examines an installation and tells what it found. */
export async function doctor(
  context: Context,
  { node }: Flags,
  world: World = systemWorld(context.io),
): Promise<number> {
  const findings = inOrder(await examine(context, node, world));
  tell(context, findings);
  return findings.some(({ level }) => level === 'fail') ? EXIT.taskFailed : EXIT.ok;
}

async function examine(
  context: Context,
  node: string | undefined,
  world: World,
): Promise<readonly Finding[]> {
  let config: Config;
  try {
    config = await context.loadConfig({ node });
  } catch (error) {
    // Without a configuration nothing else is known.
    return [failureOf('configuration', error)];
  }
  const { io } = context;
  const crontab = await checkCrontab(config, { world, io });
  return [
    ok('configuration', configText(config)),
    ...checkPasswordFile(config, world),
    ...checkDatabaseFile(config, world, io),
    ...(await checkOtherDatabases(config, world, io)),
    ...crontab.findings,
    ...(await examineStore({ context, config, world }, crontab.promise)),
  ];
}

function configText({ file, node, nodeOrigin, database }: Config): string {
  const from = file === undefined ? 'no file, defaults' : `file ${file}`;
  return `${from}; node ${JSON.stringify(node)} (${nodeOrigin}); database ${databaseName(database)} (${database.origin})`;
}

type Subject = { readonly context: Context; readonly config: Config; readonly world: World };

async function examineStore(
  { context, config, world }: Subject,
  promise: Parameters<typeof checkContents>[1],
): Promise<readonly Finding[]> {
  let store: OpenedStore;
  try {
    store = await openStore(config.database, { create: false, readOnly: true, migrate: false });
  } catch (error) {
    return [failureOf(error instanceof SchemaError ? 'schema' : 'database', error)];
  }
  const findings: Finding[] = [];
  try {
    findings.push(...(await checkIntegrity(store)));
    const session = { config, store, ...(await readClock(store, context)) };
    if (config.database.engine !== 'sqlite') {
      findings.push(...(await checkClocks(config.database, context, session.clockOffsetMs ?? 0)));
    }
    findings.push(...(await checkContents({ context, session, world }, promise)));
  } catch (error) {
    // A damaged file opens, and fails when it is read.
    if (!(error instanceof DatabaseError)) {
      throw error;
    }
    findings.push(failureOf('database', error));
  } finally {
    await store.driver.close();
  }
  return findings;
}

const COLORS: Readonly<Record<Finding['level'], Color>> = { ok: 'green', warn: 'yellow', fail: 'red' };

function tell({ output }: Context, findings: readonly Finding[]): void {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  if (output.isJson) {
    output.document({ failures: count('fail'), warnings: count('warn'), findings });
    return;
  }
  for (const { check, level, message, remedy } of findings) {
    output.line(
      `${output.paint(COLORS[level], level.padEnd(LEVEL_WIDTH))}${printable(`${check}: ${message}`)}`,
    );
    if (remedy !== null) {
      output.line(`${' '.repeat(LEVEL_WIDTH)}${printable(`→ ${remedy}`)}`);
    }
  }
  output.line(`${countText(count('fail'), 'failure')}, ${countText(count('warn'), 'warning')}`);
}

const LEVEL_WIDTH = 6;

function countText(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}
