import { UsageError } from '../../core/errors.ts';
import { faultOfName, normalizeName } from '../../core/names.ts';

/**
 * Reads the name of a counter or of a statistic: in its normal form.
 *
 * @throws UsageError that says where the name was given
 */
export function nameValue(where: string, text: string): string {
  const name = normalizeName(text);
  const fault = faultOfName(name);
  if (fault !== undefined) {
    throw new UsageError(`${where}: ${fault}`);
  }
  return name;
}
