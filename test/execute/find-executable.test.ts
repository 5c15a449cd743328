import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openOutputPipe } from '../../src/execute/output-pipe.ts';
import { lookupUser } from '../../src/execute/users.ts';

const ownFolder = process.cwd();
let folder = '';

// Somebody else's folder, in which the runner happens to be.
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'find-executable-'));
  for (const tool of ['mkfifo', 'getent']) {
    writeFileSync(join(folder, tool), `#!/bin/sh\n: >${folder}/was-started\nexec /usr/bin/${tool} "$@"\n`);
    chmodSync(join(folder, tool), 0o755);
  }
  process.chdir(folder);
});

afterEach(() => {
  process.chdir(ownFolder);
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

test.each(['', ':', '.', ':/usr/bin', undefined])(
  'with PATH %j no tool is taken from the folder in which the runner is',
  async (path) => {
    vi.stubEnv('PATH', path);
    (await openOutputPipe(() => undefined)).finish();
    expect(await lookupUser('nobody')).toMatchObject({ kind: 'user', user: { name: 'nobody' } });
    expect(existsSync(join(folder, 'was-started'))).toBe(false);
  },
);
