import { UsageError } from '../../core/errors.ts';
import { lookBeside, recordedStates } from '../../runner/looks.ts';
import { listResources, type Resource } from '../../store/resources.ts';
import type { Context } from '../context.ts';
import { withEndSignals } from '../end-signals.ts';
import { logRunnerEvent, openEventLog } from '../event-log.ts';
import { EXIT } from '../exit-codes.ts';
import { type Session, withSession } from '../session.ts';
import { printable } from '../terminal.ts';
import { foundResource } from './define-resource.ts';

/** Looks at resources now, and records what is found. */
export function probeByHand(
  context: Context,
  names: readonly string[],
  { all = false }: { readonly all?: boolean },
): Promise<number> {
  if ((names.length === 0) !== all) {
    throw new UsageError('resource probe: expected names of resources, or --all, got neither or both');
  }
  return withEndSignals(({ cancel, exitCode }) =>
    withSession(context, {}, async (session) => {
      const { driver } = session.store;
      const resources = await chosen(session, names);
      const log = await openEventLog(context, session, { show: true });
      const looker = {
        driver,
        cancel,
        clock: session.clock,
        node: { name: session.config.node },
        onEvent: (event: Parameters<typeof logRunnerEvent>[1]) => logRunnerEvent(log, event),
      };
      const found = await lookBeside(looker, resources, await recordedStates(looker));
      const looks = resources.map(({ name }) => ({ resource: name, ...stateOf(found.get(name)) }));
      if (context.output.isJson) {
        context.output.document({ node: session.config.node, resources: looks });
      } else if (looks.length === 0) {
        context.output.line('no resource has a probe ("periodic-cron resource add")');
      } else {
        for (const { resource, state, why } of looks) {
          context.output.line(printable(`${JSON.stringify(resource)} is ${state}: ${why}`));
        }
      }
      return exitCode() ?? EXIT.ok;
    }),
  );
}

function stateOf(known: { readonly state: string; readonly why: string } | undefined) {
  return { state: known?.state ?? 'undef', why: known?.why ?? 'nobody has looked' };
}

async function chosen(session: Session, names: readonly string[]): Promise<readonly Resource[]> {
  if (names.length === 0) {
    return (await listResources(session.store.driver)).filter(({ probe }) => probe !== 'none');
  }
  const resources: Resource[] = [];
  for (const name of new Set(names)) {
    const resource = await foundResource(session, name);
    if (resource.probe === 'none') {
      throw new UsageError(
        `resource probe: expected a resource with a probe, got ${JSON.stringify(name)}: "periodic-cron resource set" says how it is`,
      );
    }
    resources.push(resource);
  }
  return resources;
}
