import { type ExecFileException, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { messageOf } from '../core/errors.ts';
import { faultOfAccountName, isAccountNumber, LAST_ACCOUNT_NUMBER } from '../modules/account-names.ts';
import { findTool } from './find-executable.ts';
import { type RunnerRights, readRights } from './rights.ts';

/** A user of this machine. One that was given as a number needs no entry among the users. */
export type SystemUser = {
  /** Undefined for a number without an entry. */
  readonly name: string | undefined;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
};

export type SystemGroup = { readonly name: string | undefined; readonly gid: number };

/** As whom a process is to run. */
export type Identity = {
  /** Undefined keeps the runner's own user. */
  readonly user: SystemUser | undefined;
  /** Undefined keeps the user's primary group. */
  readonly group: SystemGroup | undefined;
  /** Whether the ids have to be changed; false where the runner has them already and may change none. */
  readonly switches: boolean;
};

type Fault = { readonly kind: 'fault'; readonly message: string };
export type FoundUser = { readonly kind: 'user'; readonly user: SystemUser } | Fault;
export type FoundGroup = { readonly kind: 'group'; readonly group: SystemGroup } | Fault;
export type FoundIdentity = { readonly kind: 'identity'; readonly identity: Identity } | Fault;

/** What is asked for: names or numbers; absent is the runner's own. */
export type WantedIdentity = { readonly user?: string | undefined; readonly group?: string | undefined };

/**
 * Looks the user and the group up, and checks that the runner may run a process with their ids: only root may, with the
 * capabilities for it, unless they are the runner's own. The fault says who the runner is.
 */
export async function findIdentity(
  { user: userName, group: groupName }: WantedIdentity,
  rights: RunnerRights = readRights(),
): Promise<FoundIdentity> {
  const foundUser = userName === undefined ? undefined : await lookupUser(userName);
  if (foundUser?.kind === 'fault') {
    return foundUser;
  }
  const foundGroup = groupName === undefined ? undefined : await lookupGroup(groupName);
  if (foundGroup?.kind === 'fault') {
    return foundGroup;
  }
  const user = foundUser?.user;
  const group = foundGroup?.group;
  const isOwn =
    (user === undefined || user.uid === rights.uid) && (group ?? user ?? rights).gid === rights.gid;
  const may = rights.uid === 0 && rights.maySetUid && rights.maySetGid;
  if (!may && !isOwn) {
    return { kind: 'fault', message: messageOfRefusal({ user: userName, group: groupName }, rights) };
  }
  return { kind: 'identity', identity: { user, group, switches: may } };
}

/**
 * Looks a user up by name or number, with `getent`, which knows the users of directories as well, or in /etc/passwd
 * where there is none. Never rejects.
 */
export async function lookupUser(nameOrNumber: string): Promise<FoundUser> {
  const entry = await lookUp({ database: 'passwd', what: 'user', nameOrNumber });
  if (entry.kind === 'fault') {
    return entry;
  }
  if (entry.kind === 'none') {
    const id = Number(nameOrNumber);
    return { kind: 'user', user: { name: undefined, uid: id, gid: id, home: '/', shell: DEFAULT_SHELL } };
  }
  const [name = '', , uid, gid, , home = '', shell = ''] = entry.fields;
  const user = {
    name,
    uid: Number(uid),
    gid: Number(gid),
    home: home === '' ? '/' : home,
    shell: shell === '' ? DEFAULT_SHELL : shell,
  };
  return areIds(user.uid, user.gid) ? { kind: 'user', user } : faultOfEntry('user', nameOrNumber);
}

/** Looks a group up as {@link lookupUser} does a user. */
export async function lookupGroup(nameOrNumber: string): Promise<FoundGroup> {
  const entry = await lookUp({ database: 'group', what: 'group', nameOrNumber });
  if (entry.kind === 'fault') {
    return entry;
  }
  if (entry.kind === 'none') {
    return { kind: 'group', group: { name: undefined, gid: Number(nameOrNumber) } };
  }
  const [name = '', , gid] = entry.fields;
  const group = { name, gid: Number(gid) };
  return areIds(group.gid) ? { kind: 'group', group } : faultOfEntry('group', nameOrNumber);
}

const DEFAULT_SHELL = '/bin/sh';
const ANSWER_LIMIT_MS = 10_000;
const NOT_FOUND = 2;

type Lookup = {
  readonly database: 'passwd' | 'group';
  readonly what: string;
  readonly nameOrNumber: string;
};
type Entry = { readonly kind: 'entry'; readonly fields: readonly string[] };
/** There is no such entry, and the number may stand for itself. */
type NoEntry = { readonly kind: 'none' };

async function lookUp({ database, what, nameOrNumber }: Lookup): Promise<Entry | NoEntry | Fault> {
  const nameFault = faultOfAccountName(nameOrNumber);
  if (nameFault !== undefined) {
    return { kind: 'fault', message: `${what}: ${nameFault}` };
  }
  try {
    const line = await askGetent(database, nameOrNumber);
    if (line !== undefined) {
      return { kind: 'entry', fields: line.split(':') };
    }
  } catch (thrown) {
    return { kind: 'fault', message: `${what} ${JSON.stringify(nameOrNumber)}: ${messageOf(thrown)}` };
  }
  return isAccountNumber(nameOrNumber)
    ? { kind: 'none' }
    : {
        kind: 'fault',
        message: `expected a ${what} of this machine, got ${JSON.stringify(nameOrNumber)}, which it does not know`,
      };
}

function askGetent(database: Lookup['database'], key: string): Promise<string | undefined> {
  const found = findTool('getent', 'user');
  if (found.kind === 'fault') {
    return findInFile(`/etc/${database}`, key);
  }
  return new Promise((resolve, reject) => {
    execFile(found.file, [database, key], { env: {}, timeout: ANSWER_LIMIT_MS }, (error, stdout) => {
      if (error === null) {
        resolve(stdout.split('\n')[0]);
        return;
      }
      switch (error.code) {
        case NOT_FOUND:
          resolve(undefined);
          break;
        default:
          reject(new Error(`getent ${database} ${messageOfGetent(error)}`));
      }
    });
  });
}

function messageOfGetent({ killed, code, signal }: ExecFileException): string {
  return killed === true
    ? `gave no answer within ${ANSWER_LIMIT_MS / 1_000} s`
    : `failed with status ${code ?? signal}`;
}

async function findInFile(path: string, key: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8');
  const isNumber = isAccountNumber(key);
  return text.split('\n').find((line) => {
    const [name, , id] = line.split(':');
    return name === key || (isNumber && id === String(Number(key)));
  });
}

function areIds(...ids: readonly number[]): boolean {
  return ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id <= LAST_ACCOUNT_NUMBER);
}

function faultOfEntry(what: string, nameOrNumber: string): Fault {
  return {
    kind: 'fault',
    message: `${what} ${JSON.stringify(nameOrNumber)}: expected an entry with numbers, got another`,
  };
}

function messageOfRefusal({ user, group }: WantedIdentity, { uid, gid }: RunnerRights): string {
  const wanted = [
    ...(user === undefined ? [] : [`as user ${JSON.stringify(user)}`]),
    ...(group === undefined ? [] : [`with group ${JSON.stringify(group)}`]),
  ].join(' ');
  const missing =
    uid === 0
      ? 'it is root without the capabilities CAP_SETUID and CAP_SETGID'
      : `it is ${ownName()} with group ${gid}, and only root may do that`;
  return `this runner may not run anything ${wanted}: ${missing}`;
}

function ownName(): string {
  try {
    const { username, uid } = userInfo();
    return `user ${username} (${uid})`;
  } catch {
    return `user ${process.geteuid?.() ?? 'unknown'}`;
  }
}
