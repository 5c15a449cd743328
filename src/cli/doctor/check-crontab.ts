import { type Config, type DatabaseLocation, databaseName } from '../../config/config.ts';
import { messageOf } from '../../core/errors.ts';
import type { Instant } from '../../core/instants.ts';
import { parseSchedule } from '../../core/schedule/next-slot.ts';
import type { Schedule } from '../../core/schedule/schedule.ts';
import type { Io } from '../io.ts';
import { accountOf, configOfLine, isProgram, missingProgram } from './cron-surroundings.ts';
import type { TickLine } from './crontab.ts';
import { readTickLines } from './crontab-files.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { World } from './world.ts';

export type CrontabReport = {
  readonly findings: readonly Finding[];
  /** When cron ticks this node of this database; undefined when no line does, as far as this user can see. */
  readonly promise: Schedule | undefined;
};

type Surroundings = { readonly world: World; readonly io: Io };

/** Compares what the crontabs call with the configuration of this call. */
export async function checkCrontab(config: Config, surroundings: Surroundings): Promise<CrontabReport> {
  const { lines, findings } = readTickLines(surroundings.world);
  const judged: JudgedLine[] = [];
  for (const line of lines) {
    judged.push(await judgeLine(line, config, surroundings));
  }
  const ticking = schedulesOf(judged);
  return {
    promise: ticking.length === 0 ? undefined : unionOf(ticking),
    findings: [...findings, ...judged.map((line) => findingOf(line, config, ticking.length > 0))],
  };
}

/** Of a script it cannot be seen what it ticks; it counts where no line says so openly. */
function schedulesOf(lines: readonly JudgedLine[]): readonly Schedule[] {
  const ticking = lines.filter((line) => line.kind === 'ticks');
  const open = ticking.filter(({ isScript }) => !isScript);
  return (open.length > 0 ? open : ticking).map(({ schedule }) => schedule);
}

type JudgedLine =
  | {
      readonly kind: 'ticks';
      readonly where: string;
      readonly line: TickLine;
      readonly schedule: Schedule;
      /** It calls something that calls the program, perhaps with a database and node of its own. */
      readonly isScript: boolean;
    }
  | { readonly kind: 'elsewhere'; readonly where: string; readonly target: Config }
  | { readonly kind: 'fault'; readonly where: string; readonly message: string };

async function judgeLine(line: TickLine, config: Config, surroundings: Surroundings): Promise<JudgedLine> {
  const where = `${line.source}, line ${line.lineNumber}`;
  const { world, io } = surroundings;
  const account = accountOf(line.user, world, io);
  const missing = missingProgram(line, account.home, world);
  if (missing !== undefined) {
    return { kind: 'fault', where, message: missing };
  }
  const target = await configOfLine(line, account, surroundings);
  if (target.kind === 'fault') {
    return { kind: 'fault', where, message: target.message };
  }
  const { database, node } = target.config;
  const isOurs = isSameDatabase(database, config.database) && node === config.node;
  if (!isOurs && !isProgram(line)) {
    return scheduled(line, { where, world, isScript: true });
  }
  if (!isOurs) {
    return { kind: 'elsewhere', where, target: target.config };
  }
  const owner = ownerOf(config.database, world);
  if (owner !== undefined && account.uid !== 0 && account.uid !== owner) {
    const message = `${line.user} is not the owner of the database ${databaseName(config.database)}, so its ticks cannot write`;
    return { kind: 'fault', where, message };
  }
  return scheduled(line, { where, world, isScript: false });
}

function isSameDatabase(one: DatabaseLocation, other: DatabaseLocation): boolean {
  return one.engine === other.engine && databaseName(one) === databaseName(other);
}

/** Whoever owns the file; a server has users of its own. */
function ownerOf(database: DatabaseLocation, world: World): number | undefined {
  return database.engine === 'sqlite' ? world.fileFacts(database.path)?.uid : undefined;
}

function scheduled(
  line: TickLine,
  { where, world, isScript }: { readonly where: string; readonly world: World; readonly isScript: boolean },
): JudgedLine {
  // The zone counts for cronie; Debian's cron does not know the variable, and goes by the system's.
  const timezone = line.env['CRON_TZ'] ?? world.timezone;
  try {
    const schedule = parseSchedule('cron', line.schedule, { timezone, hashSeed: '' });
    return { kind: 'ticks', where, line, schedule, isScript };
  } catch (error) {
    return { kind: 'fault', where, message: messageOf(error) };
  }
}

function findingOf(judged: JudgedLine, config: Config, isTicked: boolean): Finding {
  const { where } = judged;
  switch (judged.kind) {
    case 'fault':
      return fail('crontab', `${where}: ${judged.message}`, 'correct the line as crontab.example shows it');
    case 'ticks':
      return ok('crontab', `${where}: ${tickText(judged.line, judged.isScript)}`);
    case 'elsewhere':
      return isTicked
        ? ok('crontab', `${where} ticks ${targetText(judged.target, config)}`)
        : warn(
            'crontab',
            `${where} ticks ${targetText(judged.target, config)}, and no line ticks what this call looks at`,
            'name the same database and node in both, for example in /etc/periodic-cron/config.yaml',
          );
  }
}

function tickText({ schedule, user, program }: TickLine, isScript: boolean): string {
  const by = isScript ? `, by ${program}, which may tick this or another database` : '';
  return `"${schedule}" as ${user}${by}`;
}

/** Only what differs from this call. */
function targetText({ database, node }: Config, config: Config): string {
  const databaseText = isSameDatabase(database, config.database)
    ? []
    : [`the database ${databaseName(database)}`];
  const nodeText = node === config.node ? [] : [`the node ${JSON.stringify(node)}`];
  return [...databaseText, ...nodeText].join(', ');
}

function unionOf(schedules: readonly Schedule[]): Schedule {
  return {
    nextAfter: (instant) => {
      const next = schedules.flatMap((schedule): readonly Instant[] => {
        const slot = schedule.nextAfter(instant);
        return slot === undefined ? [] : [slot];
      });
      return next.length === 0 ? undefined : Math.min(...next);
    },
  };
}
