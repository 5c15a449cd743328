import { extname } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { positionIn } from './position.ts';

/**
 * Reads the text of a configuration file: JSON if its name ends in `.json`, else YAML. An empty YAML file is `null`.
 *
 * @throws ConfigError with the file, line and column of the first fault
 */
export async function parseDocument(text: string, file: string): Promise<unknown> {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text;
  return extname(file).toLowerCase() === '.json'
    ? await parseJson(content, file)
    : await parseYaml(content, file);
}

async function parseJson(text: string, file: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { firstJsonFault } = await import('./json-fault.ts');
    const offset = firstJsonFault(text);
    const got = offset < text.length ? JSON.stringify(text.charAt(offset)) : 'the end of the file';
    throw new ConfigError(`${placeIn(file, text, offset)}: expected JSON, got ${got}`, { cause: error });
  }
}

async function parseYaml(text: string, file: string): Promise<unknown> {
  // Loaded here, since a call without a YAML file must not pay for it.
  const { readYaml } = await import('./yaml.ts');
  const reading = readYaml(text);
  if (reading.kind === 'read') {
    return reading.content;
  }
  const { message, offset } = reading;
  throw new ConfigError(`${placeIn(file, text, offset)}: expected YAML: ${message}`);
}

function placeIn(file: string, text: string, offset: number | undefined): string {
  if (offset === undefined) {
    return file;
  }
  const { line, column } = positionIn(text, offset);
  return `${file}: line ${line}, column ${column}`;
}
