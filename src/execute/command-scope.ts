import { findTool } from './find-executable.ts';
import type { Program, WrappedProgram } from './wrapper-chain.ts';

/** Puts `systemd-run` before a program, which then becomes it: the process id stays. */
export function wrapInScope(program: Program, unit: string): WrappedProgram {
  const found = findTool('systemd-run', 'systemd_scope');
  if (found.kind === 'fault') {
    return found;
  }
  const args = [
    '--scope',
    '--quiet',
    '--collect',
    `--unit=${unit}`,
    ...ownManager(),
    '--',
    program.file,
    ...program.args,
  ];
  return { kind: 'wrapped', program: { file: found.file, args }, tools: ['systemd-run'] };
}

/** The name of a run's scope; each step beside the command itself has one of its own. */
export function unitOf(runId: string, step: string): string {
  return step === 'command' ? `periodic-cron-${runId}` : `periodic-cron-${runId}-${step}`;
}

const ANSWER_LIMIT_MS = 5_000;

/** Ends at once what is left in the scopes of a run. Nothing to end is no fault; never rejects. */
export async function endScopes(runId: string): Promise<void> {
  const units = `periodic-cron-${runId}*.scope`;
  await systemctl('kill', '--signal=SIGKILL', units);
  await systemctl('stop', units);
}

// Who is not root has a manager of services of their own.
function ownManager(): readonly string[] {
  return process.geteuid?.() === 0 ? [] : ['--user'];
}

async function systemctl(...words: readonly string[]): Promise<void> {
  const found = findTool('systemctl', 'systemd_scope');
  if (found.kind === 'fault') {
    return;
  }
  const { execFile } = await import('node:child_process');
  await new Promise<void>((resolve) => {
    const child = execFile(found.file, [...ownManager(), ...words], { timeout: ANSWER_LIMIT_MS }, () =>
      resolve(),
    );
    child.on('error', () => resolve());
  });
}
