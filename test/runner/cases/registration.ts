import { expect } from 'vitest';
import { type ApiCase, expectedOf, setupOf } from '../../core/cases/world.ts';
import { actionOf, actionsOf, type PlayedCases } from './read-case.ts';
import {
  type DeclaredCase,
  declarationOf,
  openRegistrationWorld,
  type RegistrationWorld,
  registeredWorld,
} from './registration-world.ts';
import { textAt } from './stored-world.ts';

type Tasks = { readonly tasks: readonly [DeclaredCase, ...DeclaredCase[]] };
type Boundary = { readonly now: number; readonly last_run: number | null; readonly spacing: number };
type Passes = { readonly initial: object; readonly passes: readonly object[] };

/** The cases of oslo.service about tasks that code declares, as files of modules from which rows are made. */
export const REGISTRATION: PlayedCases = {
  called_correct: {
    async check(one) {
      const { spacing } = firstOf(one);
      const span = actionOf<{ from_i: number; to_i: number }>(one, 'pass_each_second');
      const { calls_after_pass_i: said } = expectedOf<{ calls_after_pass_i: string }>(one);
      expect(said).toBe(`floor(i/${spacing})`);
      const period = Number(spacing);
      const registration = await registeredWorld(one, span.from_i);
      let calls = 0;
      for (let pass = span.from_i; pass <= span.to_i; pass += 1) {
        // Between two slots nothing changes: the passes of a slot and right before it tell as much as all of them.
        if ([0, period - 1].includes(pass % period)) {
          calls += (await registration.pass(pass)).ran.length;
          expect([pass, calls]).toEqual([pass, Math.floor(pass / period)]);
        }
      }
    },
  },
  meta: {
    why: 'a task that is not enabled has a row as well, which never comes; the default spacing is that of the configuration',
    async check(one) {
      type Registered = { readonly registered: number; readonly spacing: object; readonly absent: string[] };
      const { before, after } = expectedOf<Record<'before' | 'after', Registered>>(one);
      const added = actionOf<DeclaredCase>(one, 'add_periodic_task');
      const registration = await registeredWorld(one, 0);
      expect(registration.spacings()).toEqual(before.spacing);
      expect(Object.keys(registration.spacings())).toHaveLength(before.registered);
      registration.write('added.mjs', declarationOf(added));
      await registration.register(0);
      expect(registration.spacings()).toEqual({ ...before.spacing, ...after.spacing });
      expect((await registration.sync()).out).toContain(
        `nothing to do: ${after.registered + before.absent.length} as their files say\n`,
      );
      expect(Object.keys(registration.spacings())).toHaveLength(after.registered);
      expect((await registration.pass(60)).ran.toSorted()).toEqual(
        Object.keys(registration.spacings()).toSorted(),
      );
      for (const name of before.absent) {
        expect(registration.task(name)).toMatchObject({ active: 1 });
        expect(registration.world.stateRow(name)).toMatchObject({ next_slot: null, earliest_start: null });
      }
    },
  },
  periodic_tasks_with_idle: {
    why: 'the time to idle is that to the next slot, which no minute caps',
    async check(one) {
      const registration = await registeredWorld(one, 0);
      expect(expectedOf(one)).toMatchObject({
        spacing: registration.spacings(),
        registered: countOf(registration),
      });
      expect(await registration.pass(0)).toEqual({ ran: [], idle_for: firstOf(one).spacing });
    },
  },
  periodic_tasks_constant: {
    async check(one) {
      const registration = await registeredWorld(one, 0);
      const { ran, idle_for } = await registration.pass(0);
      expect(ran).toEqual([]);
      expect({ idle_for }).toEqual(expectedOf(one));
    },
  },
  periodic_tasks_disabled: {
    why: 'a task with a negative spacing has a row, which never comes, and with nothing to come there is no time to idle',
    async check(one) {
      const registration = await registeredWorld(one, 0);
      expect(expectedOf(one)).toMatchObject({ registered: countOf(registration) });
      expect(await registration.pass(0)).toEqual({ ran: [], idle_for: null });
      expect((await registration.pass(1_000)).ran).toEqual([]);
      expect(registration.task(firstOf(one).name)).toMatchObject({ active: 1 });
      expect((await registration.sync()).out).toContain('not scheduled: its spacing is negative');
    },
  },
  idle_calculation: {
    why: 'which process may run a task is said by its nodes; all the rest holds as it stands',
    async check(one) {
      const { initial, passes } = expectedOf<Passes>(one);
      const registration = await registeredWorld(one, 0);
      const { name } = firstOf(one);
      const row = registration.task(name);
      expect(initial).toMatchObject({
        enabled: Number(row?.['active']) === 1,
        run_immediately: Number(row?.['run_immediately']) === 1,
        last_run: sinceT0(registration.lastRun(name)),
      });
      expect(await passesOf(one, registration)).toEqual(passes);
    },
  },
  immediate_runs_now: {
    async check(one) {
      const { initial, passes } = expectedOf<Passes>(one);
      const registration = await registeredWorld(one, 0);
      const { handled_slot: last_run } = registration.world.stateRow(firstOf(one).name);
      expect({ last_run }).toEqual(initial);
      expect(await passesOf(one, registration)).toMatchObject(passes);
    },
  },
  external_running_here: {
    why: 'which process may run a task is said by its nodes: the task is that of the node whose file declares it',
    async check(one) {
      const registration = await registeredWorld(one, 0);
      expect(expectedOf(one)).toEqual({ registered: countOf(registration) });
      const { name, spacing } = firstOf(one);
      expect((await registration.pass(Number(spacing))).ran).toEqual([name]);
    },
  },
  external_not_here: {
    why: 'a task that another node declares does not belong to this one, which neither runs it nor waits for it',
    async check(one) {
      const { tasks } = setupOf<Tasks>(one);
      const registration = await openRegistrationWorld();
      registration.write('tasks.mjs', ...tasks.map(declarationOf));
      await registration.register(0, 'beta');
      const [before, { ran, idle_for }] = [registration.lastRun(tasks[0].name), await registration.pass(0)];
      const last_run_unchanged = registration.lastRun(tasks[0].name) === before;
      expect(expectedOf(one)).toMatchObject({ runs: ran.length, last_run_unchanged });
      expect(idle_for).toBeNull();
      expect((await registration.pass(0, 'beta')).ran).toEqual([tasks[0].name]);
    },
  },
  nearest_boundary_28_13_7_0: { check: isBoundary },
  nearest_boundary_1835_None_88_0: { check: isBoundary },
  'nearest_boundary_1300_1000_200_1.0': {
    why: 'a random offset delays the start of a slot, and never moves the slots',
    async check(one) {
      const { now, last_run, spacing } = setupOf<Boundary>(one);
      const slot = now - ((now - Number(last_run)) % spacing);
      const { new_last_run } = expectedOf<{ new_last_run: number }>(one);
      const registration = await boundaryWorld(one);
      registration.world.changeTask('bar', { random_offset_s: (new_last_run - slot) * 60 });
      await registration.pass(now);
      expect(registration.lastRun('bar')).toBe(slot);
    },
  },
  due_on_exact_equality: {
    async check(one) {
      const { last_run, spacing } = setupOf<{ last_run: number; spacing: number }>(one);
      const time = actionOf<number>(one, 'pass_at');
      const registration = await openRegistrationWorld();
      registration.write('tasks.mjs', declarationOf({ name: 'bar', spacing }));
      await registration.register(last_run);
      expect((await registration.pass(time - 1)).ran).toEqual([]);
      expect({ ran: (await registration.pass(time)).ran.length > 0 }).toEqual(expectedOf(one));
    },
  },
  add_task_breaks_other_instances: {
    why: 'a task that one node adds is none of the others, until their own files declare it; then each has a state of its own',
    async check(one) {
      const late = actionOf<string>(one, 'i1.add_periodic_task');
      const registration = await openRegistrationWorld();
      registration.write('own.mjs', declarationOf({ name: 'own', spacing: 5 }));
      await registration.register(0);
      expect((await registration.sync('beta')).out).toContain('own: node beta added');
      registration.write('late.mjs', declarationOf({ name: late, spacing: 5 }));
      await registration.register(0);
      // A node that was added by the real command counts from the real now.
      countFrom(registration, 'own', 'beta');
      expect((await registration.pass(5, 'beta')).ran).toEqual(['own']);
      expect((await registration.pass(5)).ran).toEqual(['own', late]);
      expect((await registration.sync('beta')).out).toContain(`${late}: node beta added`);
      countFrom(registration, late, 'beta');
      expect((await registration.pass(10, 'beta')).ran).toEqual(['own', late]);
    },
  },
  ticks_between_runs_rejected: {
    check: async (one) => {
      const { decorator } = setupOf<{ decorator: { ticks_between_runs: number } }>(one);
      const settings = JSON.stringify({ ticksBetweenRuns: decorator.ticks_between_runs });
      const refusal = await refusalOf(one, `periodicTask(${settings}, async function bar() {})`);
      expect(refusal).toContain('periodicTask "bar": expected one of spacing, ');
      expect(refusal).toContain('got "ticksBetweenRuns"');
    },
  },
  empty_parentheses: {
    check: async (one) => {
      const refusal = await refusalOf(one, 'periodicTask()');
      expect(refusal).toContain(
        'periodicTask: expected settings and then a function, got nothing and nothing',
      );
    },
  },
  decorator_object_reuse_loses_options: {
    why: 'settings that are used twice mean the same twice',
    async check(one) {
      const { decorator } = setupOf<{ decorator: Omit<DeclaredCase, 'name'> }>(one);
      const { a } = expectedOf<{ a: { spacing: number; run_immediately: boolean } }>(one);
      const registration = await openRegistrationWorld({ forReal: true });
      const settings = { spacing: Number(decorator.spacing) * 60, runImmediately: decorator.run_immediately };
      registration.write(
        'tasks.mjs',
        JSON.stringify(settings),
        "periodicTask(d0, async function a() { return 'of a'; })",
        "periodicTask(d0, async function b() { return 'of b'; })",
      );
      await registration.register(0);
      expect(registration.spacings()).toEqual({ a: a.spacing, b: a.spacing });
      expect((await registration.pass(0)).ran).toEqual(a.run_immediately ? ['a', 'b'] : []);
      const results = registration.world.runRows().map(({ result }) => JSON.parse(String(result)));
      expect(results).toEqual(['of a', 'of b']);
      expect(expectedOf(one)).not.toMatchObject({ b: a });
    },
  },
  spacing_none: {
    check: async (one) => {
      const { name } = firstOf(one);
      const refusal = await refusalOf(one, declarationOf(firstOf(one)));
      expect(refusal).toContain(`periodicTask "${name}": spacing: expected whole seconds`);
      expect(refusal).toContain('got null');
    },
  },
};

function firstOf(one: ApiCase): DeclaredCase {
  return setupOf<Tasks>(one).tasks[0];
}

function countOf({ spacings }: RegistrationWorld): number {
  return Object.keys(spacings()).length;
}

/** What the command says of a file that declares this beside a good task; nothing is written then. */
async function refusalOf(one: ApiCase, declaration: string): Promise<string> {
  expect(expectedOf(one)).toEqual({ raises: expect.stringMatching(/Error/) });
  const registration = await openRegistrationWorld();
  registration.write('tasks.mjs', declarationOf({ name: 'good', spacing: 5 }), declaration);
  const { exitCode, out, err } = await registration.sync();
  expect({ exitCode, out, tasks: registration.spacings() }).toEqual({ exitCode: 2, out: '', tasks: {} });
  expect(err).not.toMatch(/^ +at /m);
  return err;
}

async function passesOf(one: ApiCase, registration: RegistrationWorld): Promise<readonly object[]> {
  const { name } = firstOf(one);
  const done: object[] = [];
  for (const pass_at of actionsOf<string>(one, 'pass_at')) {
    const { ran, idle_for } = await registration.pass(Number(pass_at.slice('t0'.length)));
    done.push({ idle_for, last_run: sinceT0(registration.lastRun(name)), ran: ran.length > 0 });
  }
  return done;
}

function sinceT0(time: number): string {
  return time === 0 ? 't0' : `t0+${time}`;
}

/** A task that ran last at the time of the case, or never. */
async function boundaryWorld(one: ApiCase): Promise<RegistrationWorld> {
  const { now, last_run, spacing } = setupOf<Boundary>(one);
  const registration = await openRegistrationWorld();
  registration.write(
    'tasks.mjs',
    declarationOf({ name: 'bar', spacing, run_immediately: last_run === null }),
  );
  await registration.register(last_run ?? now);
  return registration;
}

async function isBoundary(one: ApiCase): Promise<void> {
  const registration = await boundaryWorld(one);
  const { ran } = await registration.pass(setupOf<Boundary>(one).now);
  expect(ran).toEqual(['bar']);
  expect({ new_last_run: registration.lastRun('bar') }).toEqual(expectedOf(one));
}

/** Lets the state of the task on the node count from 0. */
function countFrom({ world, task }: RegistrationWorld, name: string, node: string): void {
  world.sql
    .prepare(
      "UPDATE periodic_task_state SET counted_from = ?, earliest_start = '' WHERE task_id = ? AND scope_key = ?",
    )
    .run(textAt(0), Number(task(name)?.['id']), node);
}
