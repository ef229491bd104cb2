/** `imprint init`: makes an authority of the dev realm in a folder. */
import { parsePostgresUrl } from '@imprint/authority/storage/postgres/postgres-url';
import { ImprintError } from '@imprint/contract/errors';
import { type Command, Option } from 'commander';
import { initAuthority } from '../init-authority.ts';

interface InitOptions {
  home: string;
  realm: 'dev' | 'test' | 'prod';
  organization: string;
  logOrigin?: string;
  host: string[];
  stationPort: string;
  publicPort: string;
  managementPort?: string;
  clockSource?: string;
  database?: string;
  passphraseFile?: string;
  json?: boolean;
}

/** Adds the command `init`. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('make an authority: root, CAs, log key, database (dev realm)')
    .requiredOption('--home <dir>', 'the folder to make; it must be new or empty')
    .addOption(
      new Option('--realm <realm>', 'realm of the authority').choices(['dev', 'test', 'prod']).default('dev'),
    )
    .option('--organization <name>', 'O in every CA subject', 'Example Devices')
    .option('--log-origin <name>', 'name of the log for ever (default: imprint.local/<realm>)')
    .option('--host <name>', 'a further name or address of the authority; may be repeated', collect, [])
    .option('--station-port <port>', 'port of the station listener', '7443')
    .option('--public-port <port>', 'port of the public listener', '7480')
    .option('--management-port <port>', 'open a listener for people and their programs at this port')
    .option('--database <url>', 'an empty PostgreSQL database instead of a file in the home')
    .option('--clock-source <url>', 'compare the clock with the Date header of this URL')
    .option(
      '--passphrase-file <file>',
      'passphrase of the keys, mode 0600 (default: one is made for the dev realm)',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  imprint init --home ./authority --organization "Example Devices"\n  imprint init --home ./authority --database postgres://imprint@127.0.0.1/imprint',
    )
    .action(async (options: InitOptions) => {
      if (options.database !== undefined) parsePostgresUrl(options.database);
      const home = await initAuthority(
        options.home,
        {
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
          },
          ...(options.clockSource === undefined ? {} : { clock_source: options.clockSource }),
          minimum_station_version: '0.1.0',
          ...(options.database === undefined ? {} : { database: options.database }),
        },
        options.passphraseFile,
      );
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
          ...(options.passphraseFile ? [] : ['  dev-passphrase opens the keys, for development only']),
          `Next: imprint serve --home ${options.home}`,
          '',
        ].join('\n'),
      );
    });
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= 65_535) return value;
  throw new ImprintError('usage', `${text} is no port`, {
    hint: 'Give a number from 0 to 65535; 0 takes a free one.',
  });
}
