/** What a module may change of the process that it runs in. */
export type Surroundings = {
  /** Gives the process the environment that it began with, and the variables of a run. */
  readonly setEnvironment: (ofRun: Readonly<Record<string, string | undefined>>) => void;
  /** To be called before a module runs, when its file is loaded. */
  readonly noteListeners: () => void;
  /** False when a module left something of the process changed that another run would notice. */
  readonly areAsBefore: () => boolean;
};

/** Remembers what this process is like. */
export function rememberSurroundings(): Surroundings {
  const environment = { ...process.env };
  const before = facts();
  let listeners = countListeners();
  return {
    setEnvironment: (ofRun) => {
      for (const name of Object.keys(process.env)) {
        delete process.env[name];
      }
      for (const [name, value] of Object.entries({ ...environment, ...ofRun })) {
        if (value !== undefined) {
          process.env[name] = value;
        }
      }
    },
    noteListeners: () => {
      listeners = countListeners();
    },
    areAsBefore: () => facts() === before && countListeners() === listeners,
  };
}

function facts(): string {
  return JSON.stringify([cwd(), process.umask(), process.geteuid?.(), process.getegid?.(), process.exitCode]);
}

function cwd(): string {
  try {
    return process.cwd();
  } catch {
    return '(removed)';
  }
}

/** Listeners of the process outlive a run without keeping anything alive. */
function countListeners(): number {
  return process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0);
}
