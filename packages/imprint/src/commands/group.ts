/** `imprint group`: devices of one product under a name, so that they are configured together. */
import {
  changeGroup,
  createGroup,
  devicesOfGroup,
  listGroups,
} from '@imprint/authority/configuration/groups';
import { parseDeviceList } from '@imprint/authority/lifecycle/device-list-file';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { type ActingOptions, actAs, addHomeOptions, addIdentityOptions } from '../act-as.ts';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { plain, say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface ChangeOptions extends ActingOptions {
  csv?: string;
  move?: boolean;
  reason: string;
}

/** Adds `group create|add|remove|show|list`. */
export function addGroupCommands(program: Command): void {
  const group = program.command('group').description('devices that are configured together');

  addIdentityOptions(addHomeOptions(group.command('create')))
    .description('make a group of devices of one product')
    .argument('<group>', 'its name')
    .requiredOption('--product <product>', 'the product of its devices')
    .requiredOption('--reason <text>', 'what it is for; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint group create acme --home ./authority --product gateway --reason "customer Acme"',
    )
    .action((groupId: string, options: ActingOptions & { product: string; reason: string }) =>
      actAs(options, 'configuration.manage', async (_, { ledger, person }) => {
        const { product, reason } = options;
        await createGroup(ledger, person, { groupId, product, reason });
        say(options, { group_id: groupId, product }, [
          `The group ${groupId} is there: imprint group add ${groupId} …`,
        ]);
      }),
    );

  for (const what of ['add', 'remove'] as const) {
    const command = addIdentityOptions(addHomeOptions(group.command(what)))
      .description(what === 'add' ? 'put devices into a group' : 'take devices out of a group')
      .argument('<group>', 'the group')
      .argument('[devices...]', 'device IDs')
      .option('--csv <file>', 'a file with a column device_id, or one ID a line')
      .requiredOption('--reason <text>', 'why; it stands in the log')
      .addHelpText(
        'after',
        `\nExample:\n  imprint group ${what} acme --home ./authority --csv delivered.csv --reason "delivery note 4711"`,
      );
    if (what === 'add') command.option('--move', 'devices of another group leave that one');
    command.action((groupId: string, devices: string[], options: ChangeOptions) =>
      actAs(options, 'configuration.manage', async (_, { ledger, person }) => {
        const ids = idsOf(devices, options.csv);
        const move = options.move === true;
        const { reason } = options;
        const done = await changeGroup(ledger, person, { groupId, what, devices: ids, move, reason });
        say(options, { group_id: groupId, ...done }, [
          `${counted(done.changed)} ${what === 'add' ? 'joined' : 'left'} ${groupId}; ${done.before} of the list ${what === 'add' ? 'in it' : 'not in it'} before.`,
        ]);
      }),
    );
  }

  addHomeOptions(group.command('show'))
    .description('list the devices of a group, a page at a time')
    .argument('<group>', 'the group')
    .option('--after <device>', 'the page after this device ID')
    .option('--limit <n>', 'rows of a page', '50')
    .addHelpText('after', '\nExample:\n  imprint group show acme --home ./authority')
    .action((groupId: string, options: ActingOptions & { after?: string; limit: string }) =>
      withAuthority(options, async ({ ledger }) => {
        const limit = wholeNumber('--limit', options.limit, 1, limits.pageRows);
        const page = await devicesOfGroup(ledger.reader, groupId, options.after, limit);
        say(options, { group_id: groupId, ...page }, [
          ...(page.devices.length === 0 ? ['No device is in it.'] : page.devices.map(plain)),
          ...(page.next === null ? [] : ['', `More: --after ${page.next}`]),
        ]);
      }),
    );

  addHomeOptions(group.command('list'))
    .description('list all groups')
    .addHelpText('after', '\nExample:\n  imprint group list --home ./authority')
    .action((options: ActingOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const groups = await listGroups(ledger.reader);
        const rows = groups.map((row) => [
          row.group_id,
          row.product,
          row.devices,
          row.created_at,
          row.reason,
        ]);
        say(
          options,
          { groups },
          rows.length === 0
            ? ['There is no group: imprint group create']
            : table([['GROUP', 'PRODUCT', 'DEVICES', 'MADE', 'FOR'], ...rows]),
        );
      }),
    );
}

/** @throws usage, file_invalid */
function idsOf(named: readonly string[], csv: string | undefined): string[] {
  if ((csv === undefined) === (named.length === 0)) {
    throw new ImprintError('usage', 'name devices, or a file of them', {
      hint: 'Give device IDs, or --csv FILE; one of the two.',
    });
  }
  const file = csv ?? 'the command line';
  const text = csv === undefined ? named.join('\n') : readBoundedFile(csv, limits.transitionListBytes);
  return parseDeviceList(text, file).map(({ deviceId }) => deviceId);
}

const counted = (devices: number) => (devices === 1 ? '1 device' : `${devices} devices`);
