import type { Engine } from './driver.ts';

/** An expression for the instant of the database's clock so many seconds from now, as the text that is stored. */
export function nowText(engine: Engine, plusSeconds = 0): string {
  switch (engine) {
    case 'sqlite':
      return `strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '${plusSeconds} seconds')`;
    case 'postgres':
      return `to_char((clock_timestamp() + interval '${plusSeconds} seconds') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
    case 'mariadb':
      return `concat(left(date_format(utc_timestamp(3) + INTERVAL ${plusSeconds} SECOND, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')`;
  }
}

/** What follows the VALUES of an insert that leaves a row with the same key as it is. */
export function keepingKnown(engine: Engine, key: string): string {
  return engine === 'mariadb' ? `ON DUPLICATE KEY UPDATE ${key} = ${key}` : `ON CONFLICT (${key}) DO NOTHING`;
}
