import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openContext } from '../../src/cli/context.ts';
import { type EventLog, logRunnerEvent, openEventLog } from '../../src/cli/event-log.ts';
import { createPrinter } from '../../src/cli/output.ts';
import { DEFAULT_SETTINGS, type LogLevel } from '../../src/config/config.ts';
import type { LifeEvent } from '../../src/runner/events.ts';
import { at } from '../support/builders.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';

type Wishes = {
  readonly file?: string | undefined;
  readonly level?: LogLevel;
  readonly show?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
};

type Opened = { readonly log: EventLog; readonly printed: FakeIo['printed'] };

/** The log of a call at 2026-11-21T00:55:10.250Z on the host alpha.example. */
async function open({ file, level = 'info', show = true, ...wishes }: Wishes = {}): Promise<Opened> {
  const env = wishes.color === true ? { FORCE_COLOR: '1' } : {};
  const io = fakeIo({ hostName: 'alpha.example', env });
  const globals = { config: undefined, database: undefined, json: false, color: true, verbose: false };
  const context = openContext(io, createPrinter(io), { ...globals, ...wishes });
  const config = {
    ...DEFAULT_SETTINGS,
    database: { engine: 'sqlite', url: 'sqlite:/x', path: '/x', origin: 'default' },
    node: 'alpha',
    nodeOrigin: 'host name',
    stateDirectory: '/nowhere',
    file: undefined,
    log: { file, level },
  } as const;
  const clock = () => at('2026-11-21T00:55:10.250Z');
  return { log: await openEventLog(context, { config, clock }, { show }), printed: io.printed };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'periodic-cron-log-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const FINISHED: LifeEvent = {
  event: 'finished',
  task: 'backup',
  scope: 'alpha',
  node: 'alpha',
  slotAt: at('2026-11-21T00:55:00Z'),
  nextSlotAt: at('2026-11-21T01:00:00Z'),
  runId: 'token-1',
  trigger: 'schedule',
  attempt: 1,
  slotCount: 3,
  status: 'succeeded',
  durationMs: 40,
  reason: null,
  error: null,
  retryAt: null,
};

const FAILED: LifeEvent = {
  ...FINISHED,
  event: 'failed',
  status: 'failed',
  attempt: 2,
  slotCount: 1,
  error: 'exited with status 3',
  retryAt: at('2026-11-21T00:57:10.5Z'),
};

const WAITING: LifeEvent = {
  event: 'waiting',
  task: 'backup',
  scope: '*',
  node: 'alpha',
  slotAt: null,
  nextSlotAt: null,
  reason: 'still running',
};

function eventsIn(file: string): readonly unknown[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).event);
}

describe('the log file', () => {
  test('gets a line of JSON for an event, with all that is known of it', async () => {
    const file = join(folder(), 'events.json');
    const { log, printed } = await open({ file });
    log.write(FINISHED);
    expect(readFileSync(file, 'utf8')).toBe(
      `{"level":"info","time":"2026-11-21T00:55:10.250Z","pid":${process.pid},"host":"alpha.example",` +
        '"event":"finished","task":"backup","scope":"alpha","node":"alpha","slotAt":"2026-11-21T00:55:00Z",' +
        '"nextSlotAt":"2026-11-21T01:00:00Z","runId":"token-1","trigger":"schedule","attempt":1,' +
        '"slotCount":3,"status":"succeeded","durationMs":40}\n',
    );
    expect(printed).toEqual({ out: '', err: '' });
  });

  test('has the level in a word, and instants to the millisecond where they are not full', async () => {
    const file = join(folder(), 'events.json');
    const { log } = await open({ file });
    log.write(FAILED);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      level: 'warn',
      error: 'exited with status 3',
      retryAt: '2026-11-21T00:57:10.500Z',
    });
  });

  test('takes no field that an event does not have', async () => {
    const file = join(folder(), 'events.json');
    const { log } = await open({ file });
    const more = { ...FINISHED, output: 'hunter2', options: { password: 'hunter2' }, result: 'hunter2' };
    log.write(more);
    expect(readFileSync(file, 'utf8')).not.toContain('hunter2');
  });

  test('keeps one line for an event, whatever its task is called', async () => {
    const file = join(folder(), 'events.json');
    const { log } = await open({ file });
    log.write({ ...FINISHED, task: 'a\n"b"\u001b[2J' });
    const [line, ...rest] = readFileSync(file, 'utf8').split('\n');
    expect(rest).toEqual(['']);
    expect(JSON.parse(String(line)).task).toBe('a\n"b"\u001b[2J');
  });

  test.each([
    ['debug', ['waiting', 'finished', 'failed', 'warning']],
    ['info', ['finished', 'failed', 'warning']],
    ['warn', ['failed', 'warning']],
  ] as const)('of level %s holds %j', async (level, events) => {
    const file = join(folder(), 'events.json');
    const { log } = await open({ file, level });
    log.write(WAITING);
    log.write(FINISHED);
    log.write(FAILED);
    log.warn('the clock went back');
    expect(eventsIn(file)).toEqual(events);
  });

  test('is created for its owner and group, and so is its folder', async () => {
    const file = join(folder(), 'deep', 'er', 'events.json');
    const { log } = await open({ file });
    const umask = process.umask(0o022);
    log.write(FINISHED);
    process.umask(umask);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o750);
  });

  test('keeps the rights and the lines that it has', async () => {
    const file = join(folder(), 'events.json');
    writeFileSync(file, '{"event":"before"}\n', { mode: 0o600 });
    (await open({ file })).log.write(FINISHED);
    (await open({ file })).log.write(FAILED);
    expect(eventsIn(file)).toEqual(['before', 'finished', 'failed']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('may be rotated while a call goes on', async () => {
    const file = join(folder(), 'events.json');
    const { log } = await open({ file });
    log.write(FINISHED);
    renameSync(file, `${file}.1`);
    log.write(FAILED);
    expect([eventsIn(`${file}.1`), eventsIn(file)]).toEqual([['finished'], ['failed']]);
  });

  test('is not there before there is something to log', async () => {
    const file = join(folder(), 'events.json');
    await open({ file });
    expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('a log file that cannot be written', () => {
  test('is told once, and stops nothing', async () => {
    const blocked = join(folder(), 'a-file');
    writeFileSync(blocked, '');
    const file = join(blocked, 'events.json');
    const { log, printed } = await open({ file });
    log.write(FINISHED);
    log.write(FAILED);
    expect(printed).toEqual({
      out: '',
      err: `periodic-cron: cannot write to the log file ${file}: ENOTDIR: not a directory, open '${file}'\n`,
    });
  });

  test('does not hold anything up when it is a pipe that nobody reads', async () => {
    const file = join(folder(), 'pipe');
    execFileSync('mkfifo', [file]);
    const { log, printed } = await open({ file });
    log.write(FINISHED);
    expect(printed.err).toMatch(/^periodic-cron: cannot write to the log file .*: ENXIO: .*\n$/);
  });

  test('is tried again with the next line', async () => {
    const blocked = join(folder(), 'a-file');
    writeFileSync(blocked, '');
    const file = join(blocked, 'events.json');
    const { log } = await open({ file });
    log.write(FINISHED);
    rmSync(blocked);
    log.write(FAILED);
    expect(eventsIn(file)).toEqual(['failed']);
  });
});

describe('with -v', () => {
  test('an event is a line that tells when, what, of which task, its slot and the next', async () => {
    const { log, printed } = await open({ verbose: true });
    log.write(FINISHED);
    log.write(FAILED);
    log.write({ ...FINISHED, slotAt: null, nextSlotAt: null, scope: '*', trigger: 'manual', slotCount: 1 });
    log.write({
      ...FINISHED,
      event: 'timed_out',
      status: 'timed_out',
      error: 'ended after 1h',
      slotCount: 1,
    });
    expect(printed.out).toBe(
      [
        '2026-11-21T00:55:10.250Z  finished    "backup", scope "alpha", slot 2026-11-21T00:55:00Z, 3 slots, next slot 2026-11-21T01:00:00Z, in 40 ms',
        '2026-11-21T00:55:10.250Z  failed      "backup", scope "alpha", slot 2026-11-21T00:55:00Z, next slot 2026-11-21T01:00:00Z, attempt 2, in 40 ms, next attempt at 2026-11-21T00:57:10.500Z: exited with status 3',
        '2026-11-21T00:55:10.250Z  finished    "backup", scope "*", node "alpha", by hand, no next slot, in 40 ms',
        '2026-11-21T00:55:10.250Z  timed out   "backup", scope "alpha", slot 2026-11-21T00:55:00Z, next slot 2026-11-21T01:00:00Z, in 40 ms: ended after 1h',
        '',
      ].join('\n'),
    );
    expect(printed.err).toBe('');
  });

  test('a line is harmless on a terminal', async () => {
    const { log, printed } = await open({ verbose: true });
    log.write({ ...FAILED, task: 'a\u202eb', error: 'no\u001b[2J\nluck' });
    expect(printed.out).toContain('"a\\u202eb"');
    expect(printed.out).toMatch(/: no\\x1b\[2J\\nluck\n$/);
  });

  test('what is wrong has a colour on a terminal', async () => {
    const { log, printed } = await open({ verbose: true, color: true });
    log.write(FAILED);
    log.write({ ...FAILED, retryAt: null });
    expect(printed.out).toContain('\u001b[33mfailed    \u001b[39m');
    expect(printed.out).toContain('\u001b[31mfailed    \u001b[39m');
  });

  test('what still waits is no line', async () => {
    const { log, printed } = await open({ verbose: true });
    log.write(WAITING);
    expect(printed.out).toBe('');
  });

  test.each([
    ['without it', { verbose: false }],
    ['where nothing is to be shown, as with -c', { verbose: true, show: false }],
    ['where stdout has a document', { verbose: true, json: true }],
  ])('and %s there are no lines', async (_case, wishes) => {
    const { log, printed } = await open(wishes);
    log.write(FAILED);
    log.warn('the clock went back');
    expect(printed).toEqual({ out: '', err: '' });
  });
});

test("of a runner's events, lives and warnings are logged", async () => {
  const file = join(folder(), 'events.json');
  const { log } = await open({ file });
  logRunnerEvent(log, { kind: 'started', task: 'backup', slotAt: null, attempt: 1 });
  logRunnerEvent(log, { kind: 'output', task: 'backup', text: 'hunter2', waitFor: () => undefined });
  logRunnerEvent(log, { kind: 'life', life: FINISHED });
  logRunnerEvent(log, { kind: 'warning', message: 'the clock went back' });
  const [, warning] = readFileSync(file, 'utf8').split('\n');
  expect(eventsIn(file)).toEqual(['finished', 'warning']);
  expect(JSON.parse(String(warning))).toEqual({
    level: 'warn',
    time: '2026-11-21T00:55:10.250Z',
    pid: process.pid,
    host: 'alpha.example',
    event: 'warning',
    node: 'alpha',
    message: 'the clock went back',
  });
});
