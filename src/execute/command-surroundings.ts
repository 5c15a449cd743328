import { closeSync, statSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import type { CommandLine } from '../modules/shipped/command.ts';
import { givenVariables } from './command-environment.ts';
import { openInput } from './command-input.ts';
import { faultOfFolder, type Surroundings } from './command-step.ts';
import { wrapInPlace } from './command-wrap.ts';
import {
  type Environment,
  environmentOfRun,
  environmentOfUser,
  inheritedEnvironment,
} from './environment.ts';
import type { RunFacts } from './execution.ts';
import { findIdentity, type Identity } from './users.ts';

/** Where a command is to run, as far as that could be made ready. */
export type Prepared = {
  /** Absent when nothing may be started, since it would run with other rights than asked for. */
  readonly surroundings: Surroundings | undefined;
  /** Why the command cannot be started. */
  readonly fault: string | undefined;
  readonly dispose: () => void;
};

/** Makes everything ready that the options ask for; `told` is what the runner tells every command. Never rejects. */
export async function prepareSurroundings(
  command: CommandLine,
  run: RunFacts,
  told: Environment,
): Promise<Prepared> {
  const found = await findIdentity(command.place ?? {});
  if (found.kind === 'fault') {
    return refused(found.message);
  }
  const { identity } = found;
  const given = await givenVariables(command);
  const place = wrapInPlace({
    identity,
    place: command.place ?? {},
    given: Object.keys(given.variables),
    run,
  });
  if (place.kind === 'fault') {
    return refused(place.message);
  }
  const cwd = cwdOf(command, identity);
  const folderFault = faultOfFolder(cwd);
  const input = inputOf(command, identity);
  const faults = [
    ...given.faults,
    ...(folderFault === undefined ? [] : [folderFault]),
    ...('fault' in input ? [input.fault] : []),
  ];
  return {
    fault: faults.length === 0 ? undefined : faults.join('; '),
    surroundings: {
      // A hook may still have something to say.
      cwd: folderFault === undefined ? cwd : '/',
      env: {
        ...environmentOfRun(run, given.variables, baseOf(identity)),
        ...told,
      },
      wrap: place.wrap,
      ...('descriptor' in input ? { input: input.descriptor } : {}),
    },
    dispose: () => {
      if ('descriptor' in input) {
        closeSync(input.descriptor);
      }
    },
  };
}

function refused(fault: string): Prepared {
  return { surroundings: undefined, fault, dispose: () => undefined };
}

function baseOf({ user }: Identity): Environment {
  return user === undefined ? inheritedEnvironment() : environmentOfUser(user);
}

function cwdOf({ cwd }: CommandLine, { user }: Identity): string {
  if (cwd !== undefined || user === undefined) {
    return cwd ?? process.cwd();
  }
  return statSync(user.home, { throwIfNoEntry: false })?.isDirectory() === true ? user.home : '/';
}

function inputOf(
  { stdin }: CommandLine,
  identity: Identity,
): { readonly descriptor: number } | { readonly fault: string } | Record<never, never> {
  try {
    return stdin === undefined ? {} : { descriptor: openInput(stdin, identity) };
  } catch (thrown) {
    return { fault: `stdin: ${messageOf(thrown)}` };
  }
}
