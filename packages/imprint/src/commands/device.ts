/** `imprint device`: what the registry knows of each device, and of what it was built. */
import { allowDebug } from '@imprint/authority/jobs/debug-exception';
import {
  type AsBuilt,
  type DeviceReport,
  deviceAsBuilt,
  listDevices,
  showDevice,
} from '@imprint/authority/registry/devices';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import { type LifecycleState, lifecycleState } from '@imprint/contract/lifecycle';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { type ActingOptions, actAs, addApprovalOptions, addHomeOptions } from '../act-as.ts';
import { wholeNumber } from '../parse-option.ts';
import { facts, plain, say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';
import { addDeviceContactsCommand, contactLines } from './device-contacts.ts';

interface HomeOptions {
  home: string;
  json?: boolean;
}

interface ListOptions extends HomeOptions {
  order?: string;
  state?: LifecycleState;
  station?: string;
  after?: string;
  limit: string;
}

/** Adds `device show|list|contacts|allow-debug`. */
export function addDeviceCommands(program: Command): void {
  const device =
    program.commands.find((command) => command.name() === 'device') ??
    program.command('device').description('devices of the registry');

  device
    .command('show')
    .description('show a device: identity, certificates, state, and the history of each')
    .argument('<device>', 'device ID')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--as-built', 'the exact manifest, contract, configuration, firmware and stations that made it')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint device show SN-00012345 --home ./authority\n  imprint device show SN-00012345 --home ./authority --as-built --json',
    )
    .action((deviceId: string, options: HomeOptions & { asBuilt?: boolean }) =>
      withAuthority(options, async ({ ledger }) => {
        if (options.asBuilt === true) {
          const built = await deviceAsBuilt(ledger.reader, deviceId);
          say(options, built, builtLines(built));
        } else {
          const report = await showDevice(ledger.reader, deviceId);
          say(options, report, deviceLines(report));
        }
      }),
    );

  addApprovalOptions(addHomeOptions(device.command('allow-debug')))
    .description('let one device leave the line with its debug port open; on its record and receipt for ever')
    .argument('<device>', 'device ID, allocated and not made yet')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint device allow-debug SN-00012345 --home ./authority --as ada --reason "field trial" --request-approval "field trial"',
    )
    .action((deviceId: string, options: ActingOptions & { reason: string }) =>
      actAs(options, 'debug.except', async ({ contracts }, { ledger, person }) => {
        const allowed = await allowDebug(ledger, contracts, person, deviceId, options.reason);
        say(options, allowed, [
          `The debug port of ${deviceId} may stay open${allowed.approval_id === null ? '' : `, by approval ${allowed.approval_id}`}.`,
          'Its record and its receipt say so for ever.',
        ]);
      }),
    );

  addDeviceContactsCommand(device);

  device
    .command('list')
    .description('list devices in the order of their IDs, a page at a time')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--order <order>', 'only those of this order')
    .addOption(new Option('--state <state>', 'only those in this state').choices([...lifecycleState.options]))
    .option('--station <station>', 'only those that were last at this station')
    .option('--after <device>', 'the page after this device ID')
    .option('--limit <n>', 'rows of a page', '50')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint device list --home ./authority --order PO-1001 --state quarantined',
    )
    .action((options: ListOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const page = await listDevices(ledger.reader, {
          ...(options.order === undefined ? {} : { orderId: options.order }),
          ...(options.state === undefined ? {} : { state: options.state }),
          ...(options.station === undefined ? {} : { stationId: options.station }),
          ...(options.after === undefined ? {} : { after: options.after }),
          limit: wholeNumber('--limit', options.limit, 1, limits.pageRows),
        });
        const rows = page.devices.map((row) => [
          row.device_id,
          row.state,
          row.order_id,
          row.job_state,
          row.attempts,
          row.station_id,
          row.failure_code,
        ]);
        say(
          options,
          page,
          rows.length === 0
            ? ['No device is like that.']
            : [
                ...table([['DEVICE', 'STATE', 'ORDER', 'JOB', 'ATTEMPTS', 'STATION', 'FAILURE'], ...rows]),
                ...(page.next === null ? [] : ['', `More: --after ${page.next}`]),
              ],
        );
      }),
    );
}

function deviceLines(device: DeviceReport): string[] {
  const { firmware, job } = device;
  return [
    ...facts({
      device: device.device_id,
      state: device.state,
      order: `${device.order_id}, lot ${device.lot}`,
      product: `${device.product}, ${device.sku}${device.hw_rev === null ? '' : `, ${device.hw_rev}`}`,
      'hardware UID': device.hardware_uid === null ? null : hardwareUidText(device.hardware_uid),
      manufactured: device.manufactured_at,
      contract: `${device.contract_revision} (${device.contract_sha256})`,
      firmware: firmware === null ? null : `${firmware.build_id} (${firmware.sha256})`,
      'firmware seen': seenFirmware(device),
      configuration: device.reported?.configuration?.version,
      'made at': device.site === null ? null : `${device.site}/${device.station_id}`,
      operator:
        device.operator_id === null ? null : `${device.operator ?? 'forgotten'} (${device.operator_id})`,
      'debug port': device.debug_exception === null ? null : `may be open: ${device.debug_exception}`,
      'RMA count': device.rma_count,
      job: job === null ? null : `${job.job_id}, ${job.state}, attempt ${job.attempts}`,
      reason: job?.reason,
      receipt:
        device.completed_index === null
          ? null
          : `entry ${device.completed_index}: imprint audit prove ${device.device_id}`,
    }),
    ...device.credentials.flatMap((row) => [
      '',
      `${row.profile.toUpperCase()} ${row.status}`,
      ...facts({
        '  serial': row.serial,
        '  certificate': row.certificate_sha256,
        '  public key': `${row.public_key_sha256} (${row.key_type})`,
        '  issuer': row.issuer_sha256,
        '  valid': `${row.not_before} to ${row.not_after}`,
        '  revoked': row.revoked_at === null ? null : `${row.revoked_at}, ${row.revocation_reason}`,
      }),
    ]),
    ...(device.contacts.seen.length + device.contacts.refused.length === 0
      ? []
      : ['', ...contactLines(device.contacts)]),
    ...section(
      table([
        ['OPERATION', 'OUTCOME', 'STATION', 'AT'],
        ...device.operations.map((row) => [row.operation, row.outcome, row.station_id, row.reported_at]),
      ]),
    ),
    ...section(
      table([
        ['HISTORY', 'BY', 'FIELD', 'VALUE', 'REASON', 'ENTRY'],
        ...device.history.map((row) => [row.at, row.actor, row.field, row.value, row.reason, row.log_index]),
      ]),
    ),
  ];
}

/** As the device said it, else the build that it was made with. */
function seenFirmware({ reported, last_seen_firmware }: DeviceReport): string | null {
  if (reported === null) return last_seen_firmware;
  const { build_id, sha256, rollback_counter } = reported.firmware;
  return `${build_id}, roll-back counter ${rollback_counter} (${sha256})`;
}

function builtLines(built: AsBuilt): string[] {
  return [
    ...facts({
      device: built.device_id,
      job: built.job_id,
      'hardware UID': hardwareUidText(built.hardware_uid),
      'hardware rev': built.hw_rev,
      contract: built.contract_sha256,
      manifest: built.manifest_sha256,
    }),
    ...section(
      table([
        ['ATTEMPT', 'OPERATION', 'STATION', 'LANE', 'VERSION', 'FIRMWARE', 'SHA-256', 'OUTCOME', 'FAILURE'],
        ...built.attempts.map((row) => [
          row.attempt,
          row.operation,
          `${row.site}/${row.station_id}`,
          row.lane,
          row.station_version,
          row.firmware_build_id,
          row.firmware_sha256,
          row.outcome,
          row.failure_code,
        ]),
      ]),
    ),
    '',
    'Factory configuration, as it was written:',
    plain(built.factory_config),
    '',
    'Manifest:',
    plain(built.manifest),
    '',
    'Contract:',
    ...built.contract.trimEnd().split('\n').map(plain),
  ];
}

/** A table after an empty line; nothing where it has no rows. */
function section(lines: string[]): string[] {
  return lines.length > 1 ? ['', ...lines] : [];
}
