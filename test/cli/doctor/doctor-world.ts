import type { Finding } from '../../../src/cli/doctor/finding.ts';
import type { ServerLocation } from '../../../src/config/config.ts';

/** What is not all right, as one line each. */
export function problems(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, message }) => `${level} ${check}: ${message}`);
}

/** A server whose password stands in the configuration file. */
export const LOCATION: ServerLocation = {
  engine: 'postgres',
  url: 'postgres://cron@db.example/tasks',
  hosts: [{ host: 'db.example', port: 5432 }],
  database: 'tasks',
  user: 'cron',
  password: { kind: 'literal', text: 'hush' },
  tls: { mode: 'off', ca: undefined, cert: undefined, key: undefined },
  connectTimeoutMs: 1_000,
  origin: '/etc/periodic-cron/config.yaml',
};
