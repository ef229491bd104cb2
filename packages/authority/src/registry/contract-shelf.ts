/** Contracts by hash, parsed once: the text under a hash never changes, so a parsed one may be kept. */
import { ImprintError } from '@imprint/contract/errors';
import {
  type ProvisioningContract,
  parseProvisioningContract,
} from '@imprint/contract/provisioning-contract';
import type { Kysely } from 'kysely';
import type { Tables } from '../storage/tables.ts';

const shelfContracts = 256;

export class ContractShelf {
  readonly #parsed = new Map<string, ProvisioningContract>();

  /**
   * The contract under this hash.
   * @throws unknown_contract where none is registered
   */
  async get(db: Kysely<Tables>, contractSha256: string): Promise<ProvisioningContract> {
    const kept = this.#parsed.get(contractSha256);
    if (kept) return kept;
    const text = await contractText(db, contractSha256);
    const { contract } = parseProvisioningContract(text, `contract ${contractSha256}`);
    if (this.#parsed.size >= shelfContracts) this.#parsed.clear();
    this.#parsed.set(contractSha256, contract);
    return contract;
  }
}

/**
 * The exact text of a registered contract.
 * @throws unknown_contract
 */
export async function contractText(db: Kysely<Tables>, contractSha256: string): Promise<string> {
  const row = await db
    .selectFrom('contract')
    .select('text')
    .where('contract_sha256', '=', contractSha256)
    .executeTakeFirst();
  if (!row)
    throw new ImprintError('unknown_contract', `no contract with the hash ${contractSha256} is registered`);
  return row.text;
}
