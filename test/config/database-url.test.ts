import { describe, expect, test } from 'vitest';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';

const FORMS = 'expected sqlite:PATH, postgres://USER@HOST/DATABASE or mariadb://USER@HOST/DATABASE, got';

describe('a database URL', () => {
  test.each([
    ['sqlite:tasks.sqlite', '/base/tasks.sqlite'],
    ['sqlite:../tasks.sqlite', '/tasks.sqlite'],
    ['sqlite:/var/lib/x.sqlite', '/var/lib/x.sqlite'],
    ['sqlite:///var/lib/x.sqlite', '/var/lib/x.sqlite'],
    ['SQLite:x', '/base/x'],
    ['sqlite:with space and ü', '/base/with space and ü'],
    ['sqlite:100%25', '/base/100%25'],
  ])('%s names the file %s', (url, path) => {
    expect(parseDatabaseUrl(url, '/base')).toEqual({ kind: 'sqlite', path });
  });

  test.each([
    ['', `${FORMS} an empty text`],
    [' ', `${FORMS} an empty text`],
    ['sqlite:', 'expected sqlite:PATH, got no path'],
    ['sqlite::memory:', 'expected sqlite:PATH, got :memory: (a tick needs a file)'],
    ['sqlite://:memory:', 'expected sqlite:PATH, got :memory: (a tick needs a file)'],
    ['sqlite://host/x', 'expected sqlite:PATH or sqlite:///PATH, got a URL with a host'],
    ['sqlite:x?mode=ro', 'expected sqlite:PATH, got parameters after "?"'],
    ['sqlite:x\0', 'expected sqlite:PATH, got a path with a NUL character'],
    ['/var/x.sqlite', `${FORMS} "/var/x.sqlite" (did you mean sqlite:/var/x.sqlite?)`],
    ['//ann:secret@h/x', `${FORMS} a text without a scheme`],
    ['oracle://h/x', `${FORMS} the unknown scheme "oracle"`],
    ['postgress://h/x', `${FORMS} the unknown scheme "postgress" (did you mean postgres?)`],
    ['sqlite3:x', `${FORMS} the unknown scheme "sqlite3" (did you mean sqlite?)`],
  ])('%j is refused', (url, message) => {
    expect(parseDatabaseUrl(url, '/base')).toEqual({ kind: 'fault', message });
  });

  test.each(['ann:secret@h/x', 'mongodb://ann:secret@h/x', 'sqlite://ann:secret@h/x'])(
    'of another kind is refused without its password',
    (url) => {
      expect(JSON.stringify(parseDatabaseUrl(url, '/base'))).not.toContain('secret');
    },
  );
});
