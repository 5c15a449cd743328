import { describe, expect, test } from 'vitest';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';

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
    ['', 'expected sqlite:PATH, got an empty text'],
    [' ', 'expected sqlite:PATH, got an empty text'],
    ['sqlite:', 'expected sqlite:PATH, got no path'],
    ['sqlite::memory:', 'expected sqlite:PATH, got :memory: (a tick needs a file)'],
    ['sqlite://:memory:', 'expected sqlite:PATH, got :memory: (a tick needs a file)'],
    ['sqlite://host/x', 'expected sqlite:PATH or sqlite:///PATH, got a URL with a host'],
    ['sqlite:x?mode=ro', 'expected sqlite:PATH, got parameters after "?"'],
    ['sqlite:x\0', 'expected sqlite:PATH, got a path with a NUL character'],
    ['/var/x.sqlite', 'expected sqlite:PATH, got "/var/x.sqlite" (did you mean sqlite:/var/x.sqlite?)'],
    ['oracle://h/x', 'expected sqlite:PATH, got the unknown scheme "oracle"'],
    [
      'postgres://ann:secret@h/x',
      'expected sqlite:PATH, got postgres:… (this version has only the embedded engine, SQLite)',
    ],
    [
      'mysql://ann:secret@h/x',
      'expected sqlite:PATH, got mysql:… (this version has only the embedded engine, SQLite)',
    ],
    [
      'mariadb://ann:secret@h/x',
      'expected sqlite:PATH, got mariadb:… (this version has only the embedded engine, SQLite)',
    ],
  ])('%j is refused', (url, message) => {
    expect(parseDatabaseUrl(url, '/base')).toEqual({ kind: 'fault', message });
  });

  test.each(['ann:secret@h/x', 'mongodb://ann:secret@h/x', 'postgresql://ann:secret@h/x'])(
    'of another kind is refused without its password',
    (url) => {
      expect(JSON.stringify(parseDatabaseUrl(url, '/base'))).not.toContain('secret');
    },
  );
});
