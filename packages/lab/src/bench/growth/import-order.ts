/** How long it takes to import the IDs of an order into an authority that has no other. */
import { createOrder, importIds } from '@imprint/authority/registry/orders';
import { formatDeviceId } from '@imprint/contract/device-id';
import { limits } from '@imprint/contract/limits';
import { type AuthorityHome, benchSite, benchStation } from '../bench-home.ts';
import { benchContract } from '../open-jobs.ts';

const dayMs = 86_400_000;
const orderId = 'import-1';

/** Seconds for the files of `count` IDs, one after another, from their text to the last commit. */
export async function measureImport({ authority }: AuthorityHome, count: number): Promise<number> {
  const { ledger, contracts, entropy, person, clock } = authority;
  const now = clock();
  await createOrder(ledger, entropy, person, benchContract, {
    orderId,
    sku: benchContract.contract.skus[0]!,
    lot: 'lot-1',
    quantity: count,
    scrapAllowance: 0,
    sites: [benchSite],
    stations: [benchStation],
    opensAt: now.toISOString(),
    closesAt: new Date(now.getTime() + dayMs).toISOString(),
    ids: { source: 'imported' },
  });
  const files = filesOf(count);
  const begun = performance.now();
  for (const [at, text] of files.entries()) {
    await importIds(ledger, contracts, person, orderId, { text, name: `ids-${at + 1}.csv` });
  }
  return (performance.now() - begun) / 1000;
}

/** As few files as the limit of one allows. */
function filesOf(count: number): string[] {
  const { grammar } = benchContract.contract.identity;
  const files: string[] = [];
  for (let first = 0; first < count; first += limits.idsPerImport) {
    const ids = Array.from({ length: Math.min(limits.idsPerImport, count - first) }, (_, at) =>
      formatDeviceId({ site: 'M2', year: 2026, serial: BigInt(first + at) }, grammar),
    );
    files.push(`device_id\n${ids.join('\n')}\n`);
  }
  return files;
}
