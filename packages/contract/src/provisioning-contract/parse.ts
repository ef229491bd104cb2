/** Reads a provisioning contract from the bytes of its file: everything in it is checked before anybody acts on it. */

import { type Finding, findingsError } from '../finding.ts';
import { sha256Hex } from '../hash.ts';
import { checkAgainstSchema } from '../schema-findings.ts';
import { parseStrictYaml, type YamlSource } from '../strict-yaml.ts';
import { advise } from './advise.ts';
import { crossChecks, newContractRemarks, type Remark } from './cross-checks.ts';
import { contractSchema, type ProvisioningContract } from './schema.ts';

export interface ParsedContract {
  contract: ProvisioningContract;
  /** Over the exact bytes of the file: the name by which jobs, receipts and log entries pin the contract. */
  sha256: string;
  /** In file order; a contract with warnings is valid. */
  warnings: Finding[];
  /** What stands against registering it where it is not registered yet. */
  ifNew: Finding[];
}

/**
 * Reads and checks a contract.
 *
 * @param text the file, decoded from UTF-8 strictly and with any byte order mark left in place
 * @param fileName for messages only
 * @throws ImprintError `contract_invalid`; its message is `file:line:column: message`, its `context.findings` holds all
 * that is wrong.
 */
export function parseProvisioningContract(text: string, fileName: string): ParsedContract {
  const source = parseStrictYaml(text, fileName, 'contract_invalid');
  const checked = checkAgainstSchema(contractSchema, source);
  if ('findings' in checked) throw findingsError('contract_invalid', fileName, checked.findings);
  const contract = checked.value;
  const faults = crossChecks(contract);
  if (faults.length > 0) {
    throw findingsError(
      'contract_invalid',
      fileName,
      faults.map((fault) => placed(fault, source)),
    );
  }
  const warnings = advise(contract).map((remark) => placed(remark, source));
  warnings.sort((a, b) => a.line - b.line || a.column - b.column);
  const ifNew = newContractRemarks(contract).map((remark) => placed(remark, source));
  return { contract, sha256: sha256Hex(new TextEncoder().encode(text)), warnings, ifNew };
}

function placed({ path, message, hint }: Remark, source: YamlSource): Finding {
  return { ...source.at(path), message, hint };
}
