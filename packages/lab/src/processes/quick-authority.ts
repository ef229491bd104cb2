/** An authority's home as `imprint init` makes it: of the dev realm, which opens quickly, since a sweep opens it thousands of times. */
import { initAuthority } from 'imprint/init-authority';

/** Makes it for a log of this origin, with listeners on free ports of 127.0.0.1, and its database in a file or at a URL. */
export async function makeQuickAuthority(
  folder: string,
  logOrigin: string,
  database?: string,
): Promise<void> {
  await initAuthority(folder, {
    version: 1,
    realm: 'dev',
    organization: 'Example Devices',
    log_origin: logOrigin,
    hosts: [],
    listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
    minimum_station_version: '0.1.0',
    ...(database === undefined ? {} : { database }),
  });
}
