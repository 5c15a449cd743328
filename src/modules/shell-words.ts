export type ShellWords =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** `position` counts characters of the text from 1. */
  | { readonly kind: 'fault'; readonly message: string; readonly position: number };

/**
 * Splits a command into its words by the quoting rules of the POSIX shell, without a shell: blanks separate words,
 * `'…'` keeps everything, `"…"` keeps everything but a backslash before `"`, `\`, `$`, a backtick or a newline, and a
 * backslash elsewhere keeps the next character. Nothing is expanded: `$HOME`, `*` and `~` stay as they are.
 *
 * Whatever asks for a shell is refused rather than handed over as a word: unquoted `|`, `<`, `>`, `&`, `;`, parentheses,
 * and command substitution.
 */
export function splitShellWords(text: string): ShellWords {
  const words: string[] = [];
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    const word = readWord(text, at);
    if (word.kind === 'fault') {
      return word;
    }
    words.push(word.text);
    at = skipBlanks(text, word.end);
  }
  return { kind: 'words', words };
}

const BLANK = /[ \t\r\n]/;
const OPERATOR = /\$\(|[|&;()<>`]/y;
const USE_SHELL = 'quote it to pass it on as it is; for a shell, say so with shell: true';

type Word = { readonly kind: 'word'; readonly text: string; readonly end: number };
type WordFault = { readonly kind: 'fault'; readonly message: string; readonly position: number };

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && (BLANK.test(text.charAt(at)) || text.startsWith('\\\n', at))) {
    at += text.charAt(at) === '\\' ? 2 : 1;
  }
  return at;
}

function readWord(text: string, start: number): Word | WordFault {
  let word = '';
  let at = start;
  while (at < text.length && !BLANK.test(text.charAt(at))) {
    const piece = readPiece(text, at);
    if (piece.kind === 'fault') {
      return piece;
    }
    word += piece.text;
    at = piece.end;
  }
  return { kind: 'word', text: word, end: at };
}

function readPiece(text: string, at: number): Word | WordFault {
  switch (text.charAt(at)) {
    case "'":
      return readSingleQuoted(text, at);
    case '"':
      return readDoubleQuoted(text, at);
    case '\\':
      return readEscaped(text, at);
    default:
      return readPlain(text, at);
  }
}

function readPlain(text: string, at: number): Word | WordFault {
  OPERATOR.lastIndex = at;
  const operator = OPERATOR.exec(text)?.[0];
  return operator === undefined
    ? { kind: 'word', text: text.charAt(at), end: at + 1 }
    : { kind: 'fault', message: `expected a word, got "${operator}": ${USE_SHELL}`, position: at + 1 };
}

function readSingleQuoted(text: string, start: number): Word | WordFault {
  const end = text.indexOf("'", start + 1);
  return end === -1
    ? { kind: 'fault', message: "expected a closing ', got the end of the text", position: start + 1 }
    : { kind: 'word', text: text.slice(start + 1, end), end: end + 1 };
}

function readDoubleQuoted(text: string, start: number): Word | WordFault {
  let word = '';
  let at = start + 1;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') {
      return { kind: 'word', text: word, end: at + 1 };
    }
    const next = text.charAt(at + 1);
    const escapes = character === '\\' && next !== '' && '"\\$`\n'.includes(next);
    word += escapes ? next.replace('\n', '') : character;
    at += escapes ? 2 : 1;
  }
  return { kind: 'fault', message: 'expected a closing ", got the end of the text', position: start + 1 };
}

function readEscaped(text: string, at: number): Word | WordFault {
  if (at + 1 >= text.length) {
    return {
      kind: 'fault',
      message: 'expected a character after \\, got the end of the text',
      position: at + 1,
    };
  }
  return { kind: 'word', text: text.charAt(at + 1).replace('\n', ''), end: at + 2 };
}
