/** `imprint init`: makes an authority in a folder; of the realms test and prod, up to what its roots have to sign. */
import { tokenName } from '@imprint/authority/signer/pkcs11/token-place';
import { parsePostgresUrl } from '@imprint/authority/storage/postgres/postgres-url';
import { ImprintError } from '@imprint/contract/errors';
import { isRevocationUrl } from '@imprint/contract/x509/revocation-url';
import { type Command, Option } from 'commander';
import { type AuthorityConfiguration, authorityHome } from '../authority-home.ts';
import type { KeyInToken } from '../ca-signers.ts';
import { initAuthority } from '../init-authority.ts';
import { prepareAuthority } from '../prepare-authority.ts';
import { readTokenReference } from '../read-token-reference.ts';
import { say } from '../say.ts';

interface InitOptions {
  home: string;
  realm: 'dev' | 'test' | 'prod';
  organization: string;
  logOrigin?: string;
  host: string[];
  stationPort: string;
  publicPort: string;
  publicUrl?: string;
  managementPort?: string;
  devicePort?: string;
  clockSource?: string;
  database?: string;
  passphraseFile?: string;
  issuingKey?: string;
  pinFile?: string;
  json?: boolean;
}

/** Adds the command `init`. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('make an authority; of the realms test and prod as far as it goes without their roots')
    .requiredOption('--home <dir>', 'the folder to make; it must be new or empty')
    .addOption(
      new Option('--realm <realm>', 'realm of the authority').choices(['dev', 'test', 'prod']).default('dev'),
    )
    .option('--organization <name>', 'O in every CA subject', 'Example Devices')
    .option('--log-origin <name>', 'name of the log for ever (default: imprint.local/<realm>)')
    .option('--host <name>', 'a further name or address of the authority; may be repeated', collect, [])
    .option('--station-port <port>', 'port of the station listener', '7443')
    .option('--public-port <port>', 'port of the public listener', '7480')
    .option(
      '--public-url <url>',
      'under which the world reaches the public listener, for ever; certificates then say where CRL and OCSP are',
    )
    .option('--management-port <port>', 'open a listener for people and their programs at this port')
    .option('--device-port <port>', 'open a listener for units in the field at this port')
    .option('--database <url>', 'an empty PostgreSQL database instead of a file in the home')
    .option('--clock-source <url>', 'compare the clock with the Date header of this URL')
    .option(
      '--passphrase-file <file>',
      'passphrase of the keys, mode 0600 (default: one is made for the dev realm)',
    )
    .option(
      '--issuing-key <file>',
      'the issuing key is in a token: what imprint hsm generate-key has written',
    )
    .option('--pin-file <file>', 'PIN of that token, mode 0600')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  imprint init --home ./authority --organization "Example Devices"\n  imprint init --home ./authority --database postgres://imprint@127.0.0.1/imprint\n  imprint init --home ./authority --realm prod --organization "Example Devices" --passphrase-file pass\n  imprint init --home ./authority --issuing-key issuing-key.json --pin-file pin',
    )
    .action(async (options: InitOptions) => {
      if (options.database !== undefined) parsePostgresUrl(options.database);
      const issuingKey =
        options.issuingKey === undefined
          ? undefined
          : {
              reference: readTokenReference(options.issuingKey),
              pinFile: options.pinFile,
            };
      const publicUrl = options.publicUrl === undefined ? undefined : revocationUrl(options.publicUrl);
      const configuration: AuthorityConfiguration = {
        version: 1,
        realm: options.realm,
        organization: options.organization,
        log_origin: options.logOrigin ?? `imprint.local/${options.realm}`,
        hosts: options.host,
        listeners: {
          station: { host: '127.0.0.1', port: port(options.stationPort) },
          public: { host: '127.0.0.1', port: port(options.publicPort) },
          ...(options.managementPort === undefined
            ? {}
            : { management: { host: '127.0.0.1', port: port(options.managementPort) } }),
          ...(options.devicePort === undefined
            ? {}
            : { device: { host: '127.0.0.1', port: port(options.devicePort) } }),
        },
        ...(publicUrl === undefined ? {} : { public_url: publicUrl }),
        ...(options.clockSource === undefined ? {} : { clock_source: options.clockSource }),
        minimum_station_version: '0.1.0',
        ...(options.database === undefined ? {} : { database: options.database }),
      };
      if (options.realm !== 'dev') return prepare(options, configuration, issuingKey);
      const home = await initAuthority(options.home, configuration, options.passphraseFile, issuingKey);
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ home: home.folder, realm: options.realm })}\n`);
        return;
      }
      process.stdout.write(
        [
          `An authority of the realm ${options.realm} stands in ${home.folder}`,
          `  certificates/  what others may have: root, CAs, the log's public key`,
          options.database === undefined
            ? `  data/          the database; back this up`
            : `  the database is ${options.database}; back it up`,
          `  keys/          sealed keys; keep them apart from the data`,
          ...(issuingKey
            ? [`                 the issuing key is in ${tokenName(issuingKey.reference)}`]
            : []),
          ...(options.passphraseFile ? [] : ['  dev-passphrase opens the keys, for development only']),
          `Next: imprint serve --home ${options.home}${options.pinFile ? ` --pin-file ${options.pinFile}` : ''}`,
          '',
        ].join('\n'),
      );
    });
}

/** A home of another realm waits for its roots, which are never on this machine. */
async function prepare(
  options: InitOptions,
  configuration: AuthorityConfiguration,
  issuingKey: KeyInToken | undefined,
): Promise<void> {
  const { home, passphraseFile, pinFile } = options;
  const requests = await prepareAuthority(home, configuration, passphraseFile, issuingKey);
  const { realm } = configuration;
  const pin = issuingKey === undefined || pinFile === undefined ? '' : ` --pin-file ${pinFile}`;
  say(options, { home: authorityHome(options.home).folder, realm, waiting: true, requests }, [
    `A home of the realm ${realm} stands in ${authorityHome(options.home).folder}, and waits for its roots.`,
    'Carry these to the ceremony on a stick, and their fingerprints on paper:',
    ...requests.map(({ file, fingerprint }) => `  ${file}\n    ${fingerprint}`),
    'There: imprint root create, then imprint root sign --request FILE --fingerprint HEX for each.',
    `Back here: imprint ca install --home ${options.home} --from STICK --head HEX${pin}`,
  ]);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** @throws usage */
function revocationUrl(text: string): string {
  const url = text.replace(/\/$/, '');
  if (isRevocationUrl(url)) return url;
  throw new ImprintError('usage', `${text} is no URL that certificates can name`, {
    hint: 'Give one such as http://pki.example.com: plain HTTP, in lower case, without user, query or fragment.',
  });
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new ImprintError('usage', `${text} is no port`, {
    hint: 'Give a number from 0 to 65535; 0 takes a free one.',
  });
}
