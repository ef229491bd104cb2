/** How long it takes to import the IDs of an order into an authority that has no other. */
import { importIds } from '@imprint/authority/registry/orders';
import { formatDeviceId } from '@imprint/contract/device-id';
import { limits } from '@imprint/contract/limits';
import type { AuthorityHome } from '../bench-home.ts';
import { benchContract, placeOrder } from '../open-jobs.ts';

const orderId = 'import-1';

/** Seconds for the files of `count` IDs, one after another, from their text to the last commit. */
export async function measureImport(home: AuthorityHome, count: number): Promise<number> {
  const { ledger, contracts, person } = home.authority;
  await placeOrder(home, orderId, count, { ids: { source: 'imported' } });
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
