import type { Config } from '../../config/config.ts';
import { type Finding, warn } from './finding.ts';
import type { World } from './world.ts';

const READ_BY_OTHERS = 0o044;

/** Whether others may read a password that stands in the configuration file. */
export function checkPasswordFile({ database, file }: Config, world: World): readonly Finding[] {
  if (database.engine === 'sqlite' || file === undefined || database.origin !== file) {
    return [];
  }
  const isWritten = database.password?.kind === 'literal' && database.password.text !== '';
  const mode = world.fileFacts(file)?.mode ?? 0;
  return isWritten && (mode & READ_BY_OTHERS) !== 0
    ? [
        warn(
          'configuration',
          `other users may read ${file} (mode ${mode.toString(8).padStart(4, '0')}), which holds the password of the database`,
          `chmod 600 ${file}, or name the password with "database_password: file:PATH"`,
        ),
      ]
    : [];
}
