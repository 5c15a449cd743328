/** What the program ends with: a contract with crontabs and scripts. */
export const EXIT = {
  ok: 0,
  /** A run ended finally failed, timed out, lost or cancelled; a new fault was recorded; a confirmation was refused. */
  taskFailed: 1,
  /** The command line, the configuration or a definition is not valid. */
  usage: 2,
  /** The database is unreachable; temporary. */
  database: 3,
  /** The schema is too old or too new for this program. */
  schema: 4,
  /** Nothing matched. */
  nothingMatched: 5,
  /** A fault of this program, or its output cannot be written. */
  internal: 70,
  /** Plus the number of the signal that ended the program. */
  signalBase: 128,
} as const;
