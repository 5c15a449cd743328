import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CronExpressionParser } from 'cron-parser';
import { build } from 'rolldown';
import { benchContention } from './contention.js';
import { benchCronStep } from './cron-step.js';
import { dueDatabase, idleDatabase, tickArgs } from './databases.js';
import { compare } from './measure.js';

const COUNT = Number(process.env['BENCH_COUNT'] ?? 15);

/** @param {string} name */
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'periodic-cron-bench-'));
try {
  process.stdout.write(`Node ${process.version}, medians of ${COUNT} whole processes, side by side\n\n`);
  const few = idleDatabase(folder, 10);
  await idleTick(few);
  await idleTickWithMany(few);
  await dueTasks();
  await oneCommand();
  await cronStep();
  await contention();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @param {string} path */
async function idleTick(path) {
  const figures = await compare(
    { name: 'tick', args: tickArgs(path) },
    { name: 'floor', args: [script('floor.js'), path] },
    COUNT,
  );
  row(
    'idle tick, 10 tasks: wall time',
    '≤ 1.25 × floor',
    figures.wall,
    `${ms(figures.wallA)} / ${ms(figures.wallB)}`,
  );
  row(
    'idle tick, 10 tasks: peak memory',
    '≤ 1.25 × floor',
    figures.peak,
    `${mib(figures.peakA)} / ${mib(figures.peakB)}`,
  );
}

/** @param {string} few */
async function idleTickWithMany(few) {
  for (const tasks of [100_000, 1_000_000]) {
    const many = idleDatabase(folder, tasks);
    const { wall, wallA, wallB } = await compare(
      { name: 'many', args: tickArgs(many) },
      { name: 'few', args: tickArgs(few) },
      COUNT,
    );
    row(
      `idle tick, ${tasks.toLocaleString('en')} tasks`,
      '≤ 1.1 × with 10',
      wall,
      `${ms(wallA)} / ${ms(wallB)}`,
    );
    rmSync(many, { force: true });
  }
}

async function dueTasks() {
  const tasks = 1_000;
  const ours = dueDatabase(folder, { name: 'due', tasks, module: 'prune_history' });
  const bare = dueDatabase(folder, { name: 'bare', tasks, module: 'prune_history' });
  const { wall, wallA, wallB } = await compare(
    { name: 'tick', args: tickArgs(ours.path), before: ours.makeDue },
    { name: 'bare transactions', args: [script('bare-transactions.js'), bare.path], before: bare.makeDue },
    COUNT,
  );
  const rates = `${Math.round((tasks * 1_000) / wallA)}/s / ${Math.round((tasks * 1_000) / wallB)}/s`;
  row('1,000 due no-op tasks: rate', '≥ 0.60 × bare', 1 / wall, rates);
}

async function oneCommand() {
  const due = dueDatabase(folder, {
    name: 'command',
    tasks: 1,
    module: 'command',
    options: JSON.stringify({ command: 'true' }),
  });
  const { wall, wallA, wallB } = await compare(
    { name: 'tick', args: tickArgs(due.path), before: due.makeDue },
    { name: 'bare spawn', args: [script('bare-spawn.js'), due.path] },
    COUNT,
  );
  row('a tick with one due command', '≤ 1.5 × bare spawn', wall, `${ms(wallA)} / ${ms(wallB)}`);
}

async function cronStep() {
  const { parseSchedule } = await import(await bundledSchedules());
  for (const { timezone, text, ours_us, theirs_us, ratio } of benchCronStep({
    parseSchedule,
    CronExpressionParser,
  }).rows) {
    const figures = `${ours_us.toFixed(2)} µs / ${theirs_us.toFixed(0)} µs`;
    row(`a step of ${text} in ${timezone}`, '≥ 50 × cron-parser', ratio, figures);
  }
}

async function contention() {
  for (const engine of /** @type {const} */ (['postgres', 'mariadb'])) {
    const rates = await benchContention(engine);
    if ('reason' in rates) {
      process.stdout.write(`8 runners on ${engine}: not measured, ${rates.reason}\n`);
    } else {
      const figures = `${Math.round(rates.eight)}/s / ${Math.round(rates.one)}/s`;
      row(`8 runners on ${engine}: rate`, '> 1 × one runner', rates.eight / rates.one, figures);
    }
  }
}

/** The schedules are not part of the public library, so they are bundled here the way the program bundles them. */
async function bundledSchedules() {
  const file = join(folder, 'schedules.mjs');
  await build({ input: script('../src/core/schedule/next-slot.ts'), platform: 'node', output: { file } });
  return file;
}

/** @param {string} what @param {string} target @param {number} ratio @param {string} figures */
function row(what, target, ratio, figures) {
  process.stdout.write(
    `${what.padEnd(42)}${ratio.toFixed(2).padStart(8)}   target ${target.padEnd(20)} ${figures}\n`,
  );
}

/** @param {number} value */
function ms(value) {
  return `${value.toFixed(0)} ms`;
}

/** @param {number} kib */
function mib(kib) {
  return `${(kib / 1024).toFixed(0)} MiB`;
}
