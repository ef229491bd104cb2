/** Values as people write them: a file of `name: value` lines (strict YAML), or a text for a name whose type the contract knows. */
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { type Finding, findingsError } from '@imprint/contract/finding';
import type { ProvisioningContract } from '@imprint/contract/provisioning-contract';
import {
  type ConfigurationValue,
  configurationName,
  configurationValue,
  deferredTypes,
} from '@imprint/contract/provisioning-contract/deferred-configuration';
import { checkAgainstSchema } from '@imprint/contract/schema-findings';
import { parseStrictYaml } from '@imprint/contract/strict-yaml';
import { z } from 'zod';

const valuesSchema = z.record(configurationName, configurationValue);

/** @throws configuration_invalid: `file:line:column: message`, all of it in `context.findings` */
export function parseValueFile(text: string, fileName: string): Record<string, ConfigurationValue> {
  const source = parseStrictYaml(text, fileName, 'configuration_invalid');
  const checked = checkAgainstSchema(valuesSchema, source);
  if ('findings' in checked) throw findingsError('configuration_invalid', fileName, checked.findings);
  return checked.value;
}

/** As {@link parseValueFile}; a message says where, and nothing that stands there (I-19). */
export function parseSecretFile(text: string, fileName: string): Record<string, ConfigurationValue> {
  try {
    return parseValueFile(text, fileName);
  } catch (error) {
    if (!isImprintError(error, 'configuration_invalid')) throw error;
    const found = (error.context.findings ?? []) as Finding[];
    throw findingsError(
      'configuration_invalid',
      fileName,
      (found.length > 0 ? found : [{ line: 1, column: 1 }]).map(({ line, column }) => ({
        line,
        column,
        message: 'this is no line of a name and its value',
        hint: 'Write name: value, texts with special characters in quotes, each name once.',
      })),
    );
  }
}

/**
 * Each `name=value` with the value in the type that the contracts have for the name; a text where they have none, which is refused later.
 * @throws configuration_invalid
 */
export function valuesOfTexts(
  contracts: readonly ProvisioningContract[],
  pairs: readonly string[],
): Record<string, ConfigurationValue> {
  const types = new Map(contracts.flatMap((contract) => [...deferredTypes(contract.deferred_configuration)]));
  const values = new Map<string, ConfigurationValue>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0));
    if (!configurationName.safeParse(name).success || values.has(name)) {
      throw new ImprintError('configuration_invalid', 'a value is set as name=value, each name once', {
        hint: 'Such as --set report_minutes=15; a text with spaces in quotes of the shell.',
      });
    }
    values.set(name, typed(types.get(name)?.type, pair.slice(at + 1)));
  }
  return Object.fromEntries(values);
}

function typed(type: 'string' | 'integer' | 'boolean' | undefined, text: string): ConfigurationValue {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
