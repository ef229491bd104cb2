/**
 * How soon a revocation has to show, and what follows for CRL and OCSP (I-17). Contracts name a bound; the tightest holds for all, since
 * one CRL serves many products. An answer that ends within the bound after it was true cannot be believed for longer than that,
 * whoever keeps it: client, proxy, or a process that heard of the revocation late.
 */
import { isImprintError } from '@imprint/contract/errors';
import type { Kysely } from 'kysely';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { Tables } from '../storage/tables.ts';

export interface Visibility {
  /** Of the contracts: revoked at T, nobody who keeps to nextUpdate believes the certificate at T + bound. */
  boundMs: number;
  /** From thisUpdate to nextUpdate. A quarter is left for commits that take long, clocks that differ, and whole seconds. */
  validityMs: number;
}

const minuteMs = 60_000;
/** The least that a contract can ask for. */
const leastMinutes = 1;
/** Before there is any contract. */
const minutesWithoutContract = 60;

export function visibilityOf(minutes: number): Visibility {
  const boundMs = minutes * minuteMs;
  return { boundMs, validityMs: (boundMs * 3) / 4 };
}

/**
 * By the tightest bound of all contracts that were ever registered: devices that were made under them are in the field. One that
 * cannot be read any more counts as asking for the least.
 */
export async function tightestVisibility(
  reader: Kysely<Tables>,
  contracts: ContractShelf,
): Promise<Visibility> {
  const rows = await reader.selectFrom('contract').select('contract_sha256').execute();
  let minutes = rows.length === 0 ? minutesWithoutContract : Number.POSITIVE_INFINITY;
  for (const { contract_sha256 } of rows) {
    minutes = Math.min(minutes, await minutesOf(reader, contracts, contract_sha256));
  }
  return visibilityOf(minutes);
}

async function minutesOf(
  reader: Kysely<Tables>,
  contracts: ContractShelf,
  contractSha256: string,
): Promise<number> {
  try {
    return (await contracts.get(reader, contractSha256)).revocation.visible_within_minutes;
  } catch (error) {
    if (isImprintError(error, 'contract_invalid')) return leastMinutes;
    throw error;
  }
}

/**
 * When a CRL that nothing was added to is made anew: after half of its validity at the earliest and three quarters at the latest, by its
 * partition, so that a CA's CRLs do not all come at once for ever.
 */
export function refreshAtMs(crl: {
  this_update: string;
  next_update: string;
  partition: number;
  partitions: number;
}): number {
  const begin = Date.parse(crl.this_update);
  const share = 0.5 + 0.25 * (crl.partition / crl.partitions);
  return begin + (Date.parse(crl.next_update) - begin) * share;
}
