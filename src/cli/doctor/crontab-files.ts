import { join } from 'node:path';
import { type Crontab, findTickLines, type TickLine } from './crontab.ts';
import { type Finding, warn } from './finding.ts';
import type { World } from './world.ts';

const SYSTEM_CRONTAB = '/etc/crontab';
const SYSTEM_FOLDER = '/etc/cron.d';
/** Where cron keeps the crontabs of users, on Debian, Red Hat and macOS; only root may read them. */
const USER_FOLDERS = ['/var/spool/cron/crontabs', '/var/spool/cron', '/usr/lib/cron/tabs'];

export type FoundLines = { readonly lines: readonly TickLine[]; readonly findings: readonly Finding[] };

/** The lines that call `run_scheduled` in every crontab that this user may read. */
export function readTickLines(world: World): FoundLines {
  const found = [...userCrontabs(world), ...systemCrontabs(world)].map((crontab) => {
    const lines = findTickLines(crontab);
    const fault = lines.length === 0 ? undefined : faultOfFile(crontab);
    return { lines: fault === undefined ? lines : [], findings: fault === undefined ? [] : [fault] };
  });
  return {
    lines: found.flatMap(({ lines }) => lines),
    findings: found.flatMap(({ findings }) => findings),
  };
}

function userCrontabs(world: World): readonly Crontab[] {
  const own = { source: `the crontab of ${world.user}`, text: world.ownCrontab(), user: world.user };
  const others = USER_FOLDERS.flatMap((folder) =>
    world
      .namesIn(folder)
      .filter((name) => name !== world.user)
      .flatMap((name) => textOf(world, join(folder, name), name)),
  );
  return [own, ...others];
}

function systemCrontabs(world: World): readonly Crontab[] {
  return [SYSTEM_CRONTAB, ...world.namesIn(SYSTEM_FOLDER).map((name) => join(SYSTEM_FOLDER, name))].flatMap(
    (path) => textOf(world, path, undefined),
  );
}

function textOf(world: World, source: string, user: string | undefined): readonly Crontab[] {
  try {
    return [{ source, text: world.readText(source), user }];
  } catch {
    // Absent, a folder, or not for this user.
    return [];
  }
}

/** What makes Debian's cron ignore a file as a whole, without a word to its author. */
function faultOfFile({ source, text }: Crontab): Finding | undefined {
  const name = source.startsWith(`${SYSTEM_FOLDER}/`) ? source.slice(SYSTEM_FOLDER.length + 1) : undefined;
  if (name !== undefined && !/^[A-Za-z0-9_-]+$/.test(name)) {
    return warn(
      'crontab',
      `${source} calls run_scheduled, but cron ignores files whose name has other characters than letters, digits, "_" and "-"`,
      `rename it, for example to ${SYSTEM_FOLDER}/periodic-cron`,
    );
  }
  return text.endsWith('\n')
    ? undefined
    : warn(
        'crontab',
        `${source} calls run_scheduled, but its last line has no line break at its end, so that cron ignores the file`,
        'add the line break',
      );
}
