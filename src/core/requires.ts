import { ScheduleError } from './errors.ts';

/** What a resource can be found in: the words are those of OpenSVC. */
export const RESOURCE_STATES = ['up', 'down', 'warn', 'n/a', 'undef', 'stdby up', 'stdby down'] as const;
export type ResourceState = (typeof RESOURCE_STATES)[number];

/** One condition of a task: a resource of the node has to be in one of these states. */
export type Requirement = { readonly resource: string; readonly states: readonly ResourceState[] };

const DEFAULT_STATES: readonly ResourceState[] = ['up', 'stdby up'];

/**
 * Reads the conditions of a task in OpenSVC's notation, `ip#0 fs#1(up,stdby up)`: resources with blanks between them,
 * each with the states that will do, up and stdby up where none are named. All of them must hold. The empty text asks for
 * nothing.
 *
 * @throws ScheduleError with the position of the first fault
 */
export function parseRequires(text: string): readonly Requirement[] {
  const requirements: Requirement[] = [];
  for (let at = skipBlanks(text, 0); at < text.length; ) {
    const { requirement, end } = readRequirement(text, at);
    if (requirements.some(({ resource }) => resource === requirement.resource)) {
      throw fault(`expected each resource once, got ${JSON.stringify(requirement.resource)} again`, at);
    }
    requirements.push(requirement);
    at = skipBlanks(text, end);
  }
  return requirements;
}

// Letters and digits of any language, and the signs that names of services and addresses need.
const NAME = /[\p{L}\p{N}][\p{L}\p{N}._#:/@-]*/uy;
const BLANK = /\s/;

/** Says what is wrong with the name of a resource; undefined for one that conditions can name. */
export function faultOfResourceName(name: string): string | undefined {
  NAME.lastIndex = 0;
  const isWhole = NAME.exec(name)?.[0] === name && name.length <= 255 && name.normalize('NFC') === name;
  return isWhole
    ? undefined
    : `expected a name such as ip#0, of letters, digits and . _ # : / @ -, up to 255 of them, got ${JSON.stringify(name)}`;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && BLANK.test(text.charAt(at))) {
    at += 1;
  }
  return at;
}

function readRequirement(
  text: string,
  start: number,
): { readonly requirement: Requirement; readonly end: number } {
  NAME.lastIndex = start;
  const resource = NAME.exec(text)?.[0];
  if (resource === undefined) {
    throw fault(`expected the name of a resource such as ip#0, got ${shownAt(text, start)}`, start);
  }
  const end = start + resource.length;
  if (text.charAt(end) === '(') {
    const { states, end: closed } = readStates(text, end);
    refuseRest(text, closed);
    return { requirement: { resource, states }, end: closed };
  }
  refuseRest(text, end);
  return { requirement: { resource, states: DEFAULT_STATES }, end };
}

/** After a requirement comes a blank or nothing. */
function refuseRest(text: string, at: number): void {
  if (at < text.length && !BLANK.test(text.charAt(at))) {
    throw fault(`expected a blank before the next resource, got ${shownAt(text, at)}`, at);
  }
}

function readStates(
  text: string,
  open: number,
): { readonly states: readonly ResourceState[]; readonly end: number } {
  const close = text.indexOf(')', open);
  if (close === -1) {
    throw fault('expected a closing parenthesis, got the end of the text', open);
  }
  const states: ResourceState[] = [];
  let at = open + 1;
  for (const word of text.slice(open + 1, close).split(',')) {
    const begin = skipBlanks(text, at);
    states.push(readState(word, word.trim() === '' ? at : begin));
    at += word.length + 1;
  }
  return { states: [...new Set(states)], end: close + 1 };
}

function readState(word: string, at: number): ResourceState {
  const given = word.trim().replaceAll(/\s+/g, ' ');
  const state = RESOURCE_STATES.find((known) => known === given);
  if (state === undefined) {
    const got = given === '' ? 'none' : JSON.stringify(given);
    throw fault(`expected one of the states ${RESOURCE_STATES.join(', ')}, got ${got}`, at);
  }
  return state;
}

function shownAt(text: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

function fault(message: string, at: number): ScheduleError {
  return new ScheduleError(message, at + 1);
}
