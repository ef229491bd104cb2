/** `imprint device stock|ship|return|…`: people move devices along their lifecycle, one by name or many from a file. */
import { approvedInLog } from '@imprint/authority/lifecycle/approved';
import { parseDeviceList } from '@imprint/authority/lifecycle/device-list-file';
import { type LifecycleCore, transitionDevice } from '@imprint/authority/lifecycle/transition';
import {
  type ListedDevice,
  stockOfOrder,
  transitionList,
} from '@imprint/authority/lifecycle/transition-list';
import { type TransitionTarget, transitionPermissions } from '@imprint/contract/api/lifecycle';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { type ActingAuthority, type ActingOptions, actOn, addApprovalOptions } from '../act-as.ts';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { say } from '../say.ts';
import {
  countProgress,
  deviceColumns,
  listLines,
  requireNew,
  writeOutcomes,
} from './device-lifecycle-report.ts';

interface Verb {
  verb: string;
  to: TransitionTarget;
  /** What it is for, in help. */
  description: string;
  needsReason: boolean;
  example: string;
}

const verbs: readonly Verb[] = [
  {
    verb: 'stock',
    to: 'stocked',
    description: 'a manufactured unit lies in stock',
    needsReason: false,
    example: 'imprint device stock --csv counted.csv --home ./authority',
  },
  {
    verb: 'ship',
    to: 'shipped',
    description: 'units leave: as many as people counted, or none',
    needsReason: false,
    example:
      'imprint device ship --order PO-1001 --count 500 --reason "delivery note 4711" --home ./authority',
  },
  {
    verb: 'return',
    to: 'returned',
    description: 'a unit came back: its certificates are revoked, whatever becomes of it',
    needsReason: true,
    example: 'imprint device return SN-00012345 --reason "RMA 88: does not start" --home ./authority',
  },
  {
    verb: 'refurb',
    to: 'refurbished',
    description:
      'accept a returned unit for refurbishing: scanned on the line it gets a new key and certificate',
    needsReason: true,
    example: 'imprint device refurb SN-00012345 --reason "RMA 88: mended" --home ./authority',
  },
  {
    verb: 'scrap',
    to: 'scrapped',
    description: 'the unit is destroyed: ID and board are never used again',
    needsReason: true,
    example: 'imprint device scrap SN-00012345 --reason "board cracked" --home ./authority',
  },
  {
    verb: 'retire',
    to: 'retired',
    description: 'a unit goes out of service for good: its certificates are revoked',
    needsReason: true,
    example: 'imprint device retire SN-00012345 --reason "replaced by SN-00020001" --home ./authority',
  },
  {
    verb: 'lost',
    to: 'lost',
    description: 'nobody knows where the unit is: its certificates are revoked',
    needsReason: true,
    example: 'imprint device lost --csv missing.csv --reason "stocktaking 2026-12" --home ./authority',
  },
  {
    verb: 'quarantine',
    to: 'quarantined',
    description: 'set a unit aside; the line goes no further with it',
    needsReason: true,
    example: 'imprint device quarantine SN-00012345 --reason "label looks copied" --home ./authority',
  },
  {
    verb: 'release',
    to: 'released',
    description: 'let a unit out of quarantine, to the state that it was set aside from',
    needsReason: true,
    example: 'imprint device release SN-00012345 --reason "label checked" --home ./authority',
  },
];

interface MoveOptions extends ActingOptions {
  reason?: string;
  csv?: string;
  out?: string;
  count?: string;
  order?: string;
  dryRun?: boolean;
}

/** Adds the verbs to `device`, which is made where it is not there yet. */
export function addDeviceLifecycleCommands(program: Command): void {
  const device =
    program.commands.find((command) => command.name() === 'device') ??
    program.command('device').description('devices of the registry');
  for (const each of verbs) addVerb(device, each);
}

function addVerb(device: Command, each: Verb): void {
  const { verb, to, description, needsReason, example } = each;
  const command = device
    .command(verb)
    .description(description)
    .argument('[device]', 'device ID; leave it out where a file names them')
    .requiredOption('--home <dir>', "the authority's folder");
  const reason = needsReason
    ? 'why, for every device that has no reason of its own in the file'
    : 'why, or the number of the paper; it stands in the log';
  command
    .option('--reason <text>', reason)
    .option('--csv <file>', 'devices, one a line, or CSV with the columns device_id and, if wanted, reason')
    .option('--count <n>', 'how many were counted: refused where the list has more or fewer')
    .option('--dry-run', 'say line by line what would come of it, and change nothing')
    .option('--out <file>', 'write what came of each device to a new CSV file');
  if (to === 'shipped') command.option('--order <order>', 'all that lies in stock of this order');
  addApprovalOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText('after', `\nExample:\n  ${example}`)
    .action((deviceId: string | undefined, options: MoveOptions) =>
      actOn(options, transitionPermissions[to], (authority) => run(authority, each, deviceId, options)),
    );
}

async function run(
  authority: ActingAuthority,
  verb: Verb,
  deviceId: string | undefined,
  options: MoveOptions,
): Promise<void> {
  const sources = [deviceId, options.csv, options.order].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    const order = verb.to === 'shipped' ? ', or --order' : '';
    throw new ImprintError('usage', `give one device, or --csv with a file of them${order}`, {
      hint: `See imprint device ${verb.verb} --help.`,
    });
  }
  const core: LifecycleCore = { contracts: authority.contracts, approved: approvedInLog };
  const reason = options.reason ?? null;
  const isPlain = options.dryRun !== true && options.out === undefined && options.count === undefined;
  if (deviceId !== undefined && isPlain) {
    return moveOne(authority, core, verb, deviceId, reason, options);
  }
  const count =
    options.count === undefined ? null : wholeNumber('--count', options.count, 1, limits.transitionsPerList);
  const devices = await devicesOf(authority, deviceId, reason, options);
  const dryRun = options.dryRun === true;
  const { ledger, person: by } = authority;
  const order = options.order === undefined ? {} : { orderId: options.order };
  const request = { by, to: verb.to, reason, devices, count, dryRun, ...order };
  if (options.out !== undefined) requireNew(options.out);
  const progress = countProgress(devices.length, options);
  const outcome = await transitionList(ledger, core, request, progress.add);
  progress.end();
  if (options.out !== undefined) writeOutcomes(options.out, deviceColumns, outcome.outcomes);
  say(options, { dry_run: dryRun, ...outcome }, listLines(outcome, dryRun));
  if (outcome.refused > 0) throw new ExitCode(1);
}

async function moveOne(
  { ledger, person: by }: ActingAuthority,
  core: LifecycleCore,
  { to }: Verb,
  deviceId: string,
  reason: string | null,
  options: MoveOptions,
): Promise<void> {
  const moved = await transitionDevice(ledger, core, { by, deviceId, to, reason });
  say(options, moved, [
    moved.outcome === 'before'
      ? `${deviceId} is ${moved.to} already.`
      : `${deviceId} was ${moved.from} and is ${moved.to} now.`,
  ]);
}

/** @throws usage, file_invalid, unknown_order */
async function devicesOf(
  { ledger }: ActingAuthority,
  deviceId: string | undefined,
  reason: string | null,
  { csv, order, count }: MoveOptions,
): Promise<ListedDevice[]> {
  if (csv !== undefined) return parseDeviceList(readBoundedFile(csv, limits.transitionListBytes), csv);
  if (order === undefined) return [{ deviceId: deviceId!, reason: null }];
  if (reason === null || count === undefined) {
    throw new ImprintError('usage', 'an order ships with --count and with --reason', {
      hint: 'Count what lies there. The reason names the delivery, so that the command can be given again after an interruption.',
    });
  }
  const devices = await stockOfOrder(ledger, order, reason);
  if (devices.length > 0) return devices;
  throw new ImprintError('count_wrong', `nothing of order ${order} lies in stock`, {
    hint: `See imprint device list --order ${order}.`,
  });
}
