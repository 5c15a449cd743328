import { expect, test } from 'vitest';
import { createOutput, createPrinter } from '../../src/cli/output.ts';
import { runReportJson } from '../../src/cli/run-json.ts';
import { tellRun } from '../../src/cli/tell-run.ts';
import type { RunReport } from '../../src/runner/runner.ts';
import { fakeIo } from './fake-io.ts';

const WARNED: RunReport = {
  task: 'backup',
  scope: 'alpha',
  slotAt: null,
  missed: 0,
  attempt: 1,
  status: 'succeeded',
  durationMs: 12,
  error: null,
  warning: 'exited with status 3\u001b',
  exitCode: 3,
  retryAt: null,
  nextSlotAt: null,
  terminated: null,
  spooled: false,
  output: '',
};

async function told(run: RunReport, cron: boolean): Promise<string> {
  const io = fakeIo();
  const printer = createPrinter(io);
  tellRun(run, { cron, output: createOutput(io, printer, { json: false, color: false, verbose: false }) });
  await printer.flush();
  return io.printed.out + io.printed.err;
}

test('the warning of a run that succeeded is told with it, but not to cron', async () => {
  expect(await told(WARNED, false)).toBe(
    'succeeded  "backup", by hand in 12 ms; warning: exited with status 3\\x1b\n',
  );
  expect(await told(WARNED, true)).toBe('');
  expect(runReportJson(WARNED)).toMatchObject({ status: 'succeeded', error: null, warning: WARNED.warning });
});
