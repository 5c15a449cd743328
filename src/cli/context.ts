import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/sources.ts';
import type { Io } from './io.ts';
import { createOutput, type Output, type Printer } from './output.ts';

/** What the flags say that every command takes. */
export type Globals = {
  readonly config: string | undefined;
  readonly database: string | undefined;
  readonly json: boolean;
  /** False for `--no-color`. */
  readonly color: boolean;
  readonly verbose: boolean;
};

/** What a command works with. */
export type Context = {
  readonly io: Io;
  readonly globals: Globals;
  readonly output: Output;
  /**
   * Reads the configuration, as the node that the command's own `--node` names. Commands that need none never ask.
   *
   * @throws ConfigError
   */
  readonly loadConfig: (flags?: { readonly node?: string | undefined }) => Promise<Config>;
};

export function openContext(io: Io, printer: Printer, globals: Globals): Context {
  const { env, cwd, uid, hostName } = io;
  const { config, database } = globals;
  return {
    io,
    globals,
    output: createOutput(io, printer, globals),
    loadConfig: (flags) =>
      loadConfig({ flags: { config, database, node: flags?.node }, env, cwd, uid, hostName }),
  };
}
