/**
 * An authority's home that opens quickly: its keys are sealed at the least cost that the program accepts, since a sweep
 * opens them thousands of times. All else is as `imprint init` makes it.
 */
import { rmSync } from 'node:fs';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { createKeyFolder, openKeyFolder, scryptLogN } from '@imprint/authority/trust/sealed-key-folder';
import { initAuthority } from 'imprint/init-authority';
import { homePassphrase, systemEntropy } from 'imprint/open-authority';

/** Makes it for a log of this origin, with listeners on free ports of 127.0.0.1, and its database in a file or at a URL. */
export async function makeQuickAuthority(
  folder: string,
  logOrigin: string,
  database?: string,
): Promise<void> {
  const home = await initAuthority(folder, {
    version: 1,
    realm: 'dev',
    organization: 'Example Devices',
    log_origin: logOrigin,
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: '0.1.0',
    ...(database === undefined ? {} : { database }),
  });
  const passphrase = await homePassphrase(home, 'dev', undefined);
  const sealed = await openKeyFolder(home.keys, passphrase, systemEntropy);
  const keys = await Promise.all(
    Object.values(keyNames).map(async (name) => ({ name, key: await sealed.read(name) })),
  );
  rmSync(home.keys, { recursive: true });
  const quick = await createKeyFolder(home.keys, passphrase, systemEntropy, scryptLogN.least);
  for (const { name, key } of keys) await quick.write(name, key);
}
