import { formatDuration } from '../../core/durations.ts';
import { toShortText } from '../../core/instants.ts';
import type { Resource, ResourceOnNode } from '../../store/resources.ts';

/** What a resource looks at, in short: `tcp db.example.org:5432`. */
export function targetText({ probe, target }: Resource): string {
  const { command, host, port, url, path } = target;
  switch (probe) {
    case 'command':
      return `command ${Array.isArray(command) ? command.join(' ') : String(command)}`;
    case 'tcp':
      return `tcp ${String(host)}:${String(port)}`;
    case 'http':
      return `http ${String(url)}`;
    case 'file':
      return `file ${String(path)}`;
    default:
      return probe;
  }
}

/** How often it is looked at, and for how long. */
export function limitsText({ probe, ttlSeconds, timeoutSeconds }: Resource): string {
  if (probe === 'none') {
    return 'no look: it is as "periodic-cron resource set" has said last';
  }
  return `a look holds for ${formatDuration(ttlSeconds)} and may take ${formatDuration(timeoutSeconds)}`;
}

/** A resource as `--json` prints it. */
export function resourceJson({ name, probe, target, ttlSeconds, timeoutSeconds }: Resource) {
  return { name, probe, target, ttlSeconds, timeoutSeconds };
}

/** What is known of a resource on a node, as `--json` prints it. */
export function stateJson({ node, state, since, checkedAt, why }: ResourceOnNode) {
  return { node, state, since: toShortText(since), checkedAt: toShortText(checkedAt), why };
}
