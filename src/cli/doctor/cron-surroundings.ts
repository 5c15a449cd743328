import { basename } from 'node:path';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/sources.ts';
import { messageOf, PeriodicCronError } from '../../core/errors.ts';
import type { Io } from '../io.ts';
import type { TickLine } from './crontab.ts';
import type { World } from './world.ts';

/** The user in whose name cron starts a line. */
export type Account = {
  readonly home: string;
  /** Undefined for a user that this machine's list of accounts does not have. */
  readonly uid: number | undefined;
};

/** cron's search path, unless a crontab sets another. */
const CRON_PATH = '/usr/bin:/bin';

export function accountOf(user: string, world: World, io: Io): Account {
  if (user === world.user) {
    return { home: world.home, uid: io.uid };
  }
  const entry = accounts(world)
    .map((line) => line.split(':'))
    .find(([name]) => name === user);
  const [, , uid, , , home] = entry ?? [];
  return { home: home ?? '/', uid: uid === undefined ? undefined : Number(uid) };
}

function accounts(world: World): readonly string[] {
  try {
    return world.readText('/etc/passwd').split('\n');
  } catch {
    return [];
  }
}

/** Says what cron would not find when it starts the line, or undefined. */
export function missingProgram(line: TickLine, home: string, world: World): string | undefined {
  const { env, cwd, program, interpreter } = line;
  const place = { path: env['PATH'] ?? CRON_PATH, cwd: cwd ?? home };
  // The program starts with "#!/usr/bin/env node".
  const needed = [interpreter ?? program, ...(interpreter === undefined && isProgram(line) ? ['node'] : [])];
  const missing = needed.find((name) => !world.hasProgram(name, place));
  if (missing === undefined) {
    return undefined;
  }
  return missing.includes('/')
    ? `there is no program ${missing}`
    : `cron does not find ${missing}, since the PATH of the line is ${place.path}`;
}

/** False for a script of another name: what it hands to the program, and needs itself, cannot be seen. */
export function isProgram({ program }: TickLine): boolean {
  return /^periodic-cron(\.m?js)?$/.test(basename(program));
}

export type LineConfig =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'fault'; readonly message: string };

/** The configuration that the call of a line works out, in the surroundings that cron gives it. */
export async function configOfLine(
  { call, cwd, env }: TickLine,
  { home, uid }: Account,
  { world, io }: { readonly world: World; readonly io: Io },
): Promise<LineConfig> {
  if ('fault' in call) {
    return { kind: 'fault', message: call.fault };
  }
  const { config, database } = call.globals;
  try {
    const loaded = await loadConfig({
      flags: { config, database, node: call.flags.node },
      env: { HOME: home, ...env },
      cwd: cwd ?? home,
      uid,
      hostName: io.hostName,
      readFile: world.readText,
    });
    return { kind: 'config', config: loaded };
  } catch (error) {
    if (error instanceof PeriodicCronError) {
      return { kind: 'fault', message: messageOf(error) };
    }
    throw error;
  }
}
