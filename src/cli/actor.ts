import { userInfo } from 'node:os';

/** Who changes definitions, for the audit: the name of the system user, or `uid:N` for one without a name. */
export function actorName(uid: number | undefined): string {
  try {
    return userInfo().username;
  } catch {
    return `uid:${uid ?? 'unknown'}`;
  }
}
