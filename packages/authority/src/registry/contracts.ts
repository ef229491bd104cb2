/** Contracts enter the registry as the exact text that was checked; one revision of a product is one text for ever. */
import type { Actor } from '@imprint/contract/audit/entry';
import { ImprintError } from '@imprint/contract/errors';
import { findingsError } from '@imprint/contract/finding';
import { type ParsedContract, parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { requireApproval } from '../access/require-approval.ts';
import type { Draft, Ledger, Reading } from '../ledger/ledger.ts';

/** A contract's file, read and checked. */
export interface CheckedContract extends ParsedContract {
  text: string;
}

/** Registers a contract by itself, before there is an order under it; `isNew` is false where it was registered. */
export function registerContract(
  ledger: Ledger,
  by: Actor,
  checked: CheckedContract,
): Promise<{ contract_sha256: string; isNew: boolean }> {
  return ledger.submit(async (reading) => {
    const entries = await contractDrafts(reading, by, checked);
    return { entries, reply: () => ({ contract_sha256: checked.sha256, isNew: entries.length > 0 }) };
  });
}

/** @throws contract_invalid with `file:line:column` */
export function checkContract(text: string, fileName: string): CheckedContract {
  return { ...parseProvisioningContract(text, fileName), text };
}

/**
 * The entries that register a contract; none where it is registered. It takes two people (I-18).
 * @throws contract_invalid where a new one says too little of its onboarding; order_conflict for another text of a registered revision; approval_required, approval_invalid, not_authorized
 */
export async function contractDrafts(
  reading: Reading,
  by: Actor,
  checked: CheckedContract,
): Promise<Draft[]> {
  const { contract, sha256, text, ifNew } = checked;
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
    if (ifNew.length > 0) throw findingsError('contract_invalid', `${product} ${revision}`, ifNew);
    const named = { contract_sha256: sha256, product, revision };
    const approved = await requireApproval(reading, 'contract.register', named, by);
    return [...approved, { type: 'contract.registered', actor: by, data: { ...named, text } }];
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
