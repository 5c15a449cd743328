let timesReached = 0;

/**
 * A named place between two writes, at which a test may have this process killed: the environment then names it, with
 * `:2` behind the name for the second time it is reached. The build of the program that is shipped takes every call out,
 * and this with them.
 */
export function failpoint(name: string): void {
  const [wanted, nth = '1'] = (process.env['PERIODIC_CRON_FAILPOINT'] ?? '').split(':');
  timesReached += name === wanted ? 1 : 0;
  if (name === wanted && timesReached === Number(nth)) {
    process.kill(process.pid, 'SIGKILL');
  }
}
