/** The authority's side of a station: `imprint station invite|confirm|list|revoke`, run where the authority's home is. */
import { confirmStation, revokeStation } from '@imprint/authority/stations/enrolment';
import { inviteStation } from '@imprint/authority/stations/invite';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { actAs, addApprovalOptions, addIdentityOptions } from '../act-as.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { writeSecretFile } from '../write-secret-file.ts';

interface AdminOptions {
  home: string;
  json?: boolean;
  passphraseFile?: string;
  pinFile?: string;
}

/** Adds the authority's commands to `station`, which is made where it is not there yet. */
export function addStationAdminCommands(program: Command): void {
  const station =
    program.commands.find((command) => command.name() === 'station') ??
    program.command('station').description('factory stations');

  addIdentityOptions(station.command('invite'))
    .description('write a one-time enrolment token for a station (on the authority)')
    .argument('<station>', 'ID of the station, such as st-1')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--site <site>', 'site at which it stands')
    .requiredOption('--line <line>', 'line at which it stands')
    .option('--lanes <n>', 'how many lanes it has', '1')
    .requiredOption('--url <url>', 'how it reaches the station listener, https://host:port')
    .requiredOption('--token-file <file>', 'where the token goes (mode 0600)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint station invite st-1 --home ./authority --site s1 --line l1 --lanes 4 --url https://authority.example:7443 --token-file st-1.token',
    )
    .action(
      (
        stationId: string,
        options: AdminOptions & { site: string; line: string; lanes: string; url: string; tokenFile: string },
      ) =>
        actAs(options, 'station.manage', async ({ unlock }, { ledger, person }) => {
          const { stations } = await unlock();
          const lanes = Number(options.lanes);
          if (!Number.isInteger(lanes) || lanes < 1 || lanes > limits.lanesPerStation) {
            throw new ImprintError('usage', `--lanes ${options.lanes} is no number of lanes`, {
              hint: `Give a number from 1 to ${limits.lanesPerStation}.`,
            });
          }
          const { token, expires_at } = await inviteStation({ ...stations, ledger }, person, {
            stationId,
            site: options.site,
            line: options.line,
            lanes,
            url: options.url,
          });
          writeSecretFile(options.tokenFile, `${token}\n`);
          say(options, { station_id: stationId, token_file: options.tokenFile, expires_at }, [
            `The token of ${stationId} stands in ${options.tokenFile} and is good until ${expires_at}.`,
            'Carry it to the station, and run there: imprint station enroll --token-file FILE --home DIR',
          ]);
        }),
    );

  addApprovalOptions(station.command('confirm'))
    .description(
      'confirm the key of a station that enrols, by the fingerprint on its screen (on the authority)',
    )
    .argument('<station>', 'ID of the station')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--fingerprint <hex>', 'the fingerprint as the station shows it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint station confirm st-1 --home ./authority --fingerprint 3fa4…')
    .action((stationId: string, options: AdminOptions & { fingerprint: string }) =>
      actAs(options, 'station.manage', async ({ unlock }, { ledger, person }) => {
        const core = { ...(await unlock()).stations, ledger };
        const confirmed = await confirmStation(core, person, stationId, options.fingerprint);
        say(options, { station_id: stationId, ...confirmed }, [`${stationId} is confirmed and may work.`]);
      }),
    );

  addIdentityOptions(station.command('revoke'))
    .description('take a station out of service at once (on the authority)')
    .argument('<station>', 'ID of the station')
    .requiredOption('--home <dir>', "the authority's folder")
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint station revoke st-1 --home ./authority --reason "PC was stolen"',
    )
    .action((stationId: string, options: AdminOptions & { reason: string }) =>
      actAs(options, 'station.manage', async ({ unlock }, { ledger, person }) => {
        const { stations } = await unlock();
        await revokeStation({ ...stations, ledger }, person, stationId, options.reason);
        say(options, { station_id: stationId, status: 'revoked' }, [`${stationId} is revoked.`]);
      }),
    );

  station
    .command('list')
    .description('list stations with their place and state (on the authority)')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint station list --home ./authority')
    .action((options: AdminOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const stations = await ledger.reader
          .selectFrom('station')
          .select(['station_id', 'site', 'line', 'lanes', 'status', 'public_key_sha256', 'not_after'])
          .orderBy('station_id')
          .execute();
        say(
          options,
          { stations },
          stations.length === 0
            ? ['No station is known yet: imprint station invite']
            : table([
                ['STATION', 'PLACE', 'LANES', 'STATE', 'CERTIFICATE UNTIL', 'KEY TO CONFIRM'],
                ...stations.map((row) => [
                  row.station_id,
                  `${row.site}/${row.line}`,
                  row.lanes,
                  row.status,
                  row.not_after,
                  row.status === 'pending' ? row.public_key_sha256 : null,
                ]),
              ]),
        );
      }),
    );
}
