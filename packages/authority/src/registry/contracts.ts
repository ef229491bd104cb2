/** Contracts enter the registry as the exact text that was checked; one revision of a product is one text for ever. */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { type ParsedContract, parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import type { Draft, Reading } from '../ledger/ledger.ts';

/** A contract's file, read and checked. */
export interface CheckedContract extends ParsedContract {
  text: string;
}

/** @throws contract_invalid with `file:line:column` */
export function checkContract(text: string, fileName: string): CheckedContract {
  return { ...parseProvisioningContract(text, fileName), text };
}

/** The entry that registers a contract; none where it is registered. */
export async function contractDrafts(
  reading: Reading,
  by: Actor,
  checked: CheckedContract,
): Promise<Draft[]> {
  const { contract, sha256, text } = checked;
  const { product, revision } = contract;
  const known = await reading.tx
    .selectFrom('contract')
    .select('contract_sha256')
    .where((row) =>
      row.or([
        row('contract_sha256', '=', sha256),
        row.and([row('product', '=', product), row('revision', '=', revision)]),
      ]),
    )
    .executeTakeFirst();
  if (known === undefined) {
    const data = { contract_sha256: sha256, product, revision, text };
    return [{ type: 'contract.registered', actor: by, data }];
  }
  if (known.contract_sha256 !== sha256) {
    throw new ImprintError(
      'order_conflict',
      `revision ${revision} of ${product} is registered with another text (${known.contract_sha256})`,
      {
        hint: 'Give the changed contract a new revision: what was built under the old one must stay readable.',
      },
    );
  }
  return [];
}
