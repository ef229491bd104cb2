/** `imprint order`: production orders and the device IDs that belong to them. */

import { checkContract } from '@imprint/authority/registry/contracts';
import { approvedTimes } from '@imprint/authority/registry/large-order';
import { listOrders, type OrderReport, showOrder } from '@imprint/authority/registry/order-view';
import { closeOrder, createOrder, importIds, type OrderStand } from '@imprint/authority/registry/orders';
import { raiseQuota } from '@imprint/authority/registry/raise-quota';
import { uncovered } from '@imprint/authority/trust/uncovered';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { type Finding, findingText } from '@imprint/contract/finding';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { actAs, addApprovalOptions, addHomeOptions, addIdentityOptions } from '../act-as.ts';
import { collect, instantOf, wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { facts, plain, say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface HomeOptions {
  home: string;
  json?: boolean;
}

interface CreateOptions extends HomeOptions {
  contract: string;
  sku: string;
  lot: string;
  quantity: string;
  scrap: string;
  stationShare?: string;
  site?: string[];
  station?: string[];
  hwRev?: string[];
  opens?: string;
  closes?: string;
  imported?: boolean;
  idSite?: string;
  idYear?: string;
}

const dayMs = 86_400_000;
const defaultDays = 30;
/** A line an ID, with room for further columns. */
const idFileBytes = 16 * 1024 * 1024;

interface RaiseOptions extends HomeOptions {
  quantity?: string;
  scrapAllowance?: string;
  reason: string;
}

/** Adds `order create|import|show|list|raise-quota|close`. */
export function addOrderCommands(program: Command): void {
  const order = program.command('order').description('production orders');

  addApprovalOptions(addHomeOptions(order.command('create')))
    .description('create an order under a contract, with generated device IDs')
    .argument('<order>', 'ID of the order, such as PO-1001')
    .requiredOption('--contract <file>', 'provisioning contract, YAML')
    .requiredOption('--sku <sku>', 'SKU, one of the contract’s')
    .requiredOption('--lot <lot>', 'lot or batch')
    .requiredOption('--quantity <n>', 'units to make')
    .option('--scrap <n>', 'units that may be lost on the way', '0')
    .option('--station-share <n>', 'units that one station may provision at most')
    .option('--site <site>', 'site that may work on it; may be repeated', collect)
    .option('--station <station>', 'station that may work on it; may be repeated', collect)
    .option(
      '--hw-rev <revision>',
      'hardware revision; may be repeated (default: all of the contract)',
      collect,
    )
    .option('--opens <time>', 'when work may begin (default: now)')
    .option('--closes <time>', `when work ends (default: ${defaultDays} days after opening)`)
    .option('--imported', 'IDs come from a file: imprint order import')
    .option('--id-site <site>', 'site as it stands in the IDs, where the grammar has one')
    .option('--id-year <year>', 'year as it stands in the IDs (default: the year of opening)')
    .addHelpText(
      'after',
      example(
        'imprint order create PO-1001 --home ./authority --contract examples/contracts/gateway.yaml --sku gateway-wifi --lot L7 --quantity 500 --scrap 10 --site berlin --id-site M1',
      ),
    )
    .action(create);

  addIdentityOptions(addHomeOptions(order.command('import')))
    .description('bring device IDs into an order that was created with --imported; all of a file or none')
    .argument('<order>', 'ID of the order')
    .argument('<file>', 'one ID a line, or CSV with a column device_id')
    .addHelpText('after', example('imprint order import PO-1002 ids.csv --home ./authority'))
    .action((orderId: string, file: string, options: HomeOptions) =>
      actAs(options, 'order.manage', async ({ contracts }, { ledger, person }) => {
        const text = readBoundedFile(file, idFileBytes);
        const stand = await orReport(file, options, () =>
          importIds(ledger, contracts, person, orderId, { text, name: file }),
        );
        say(options, stand, [standLine(stand)]);
      }),
    );

  addHomeOptions(order.command('show'))
    .description('show an order: how far it is, its units by outcome, its yield')
    .argument('<order>', 'ID of the order')
    .addHelpText('after', example('imprint order show PO-1001 --home ./authority'))
    .action((orderId: string, options: HomeOptions) =>
      withAuthority(options, async ({ ledger }) => {
        const report = await showOrder(ledger.reader, orderId);
        say(options, report, reportLines(report));
      }),
    );

  addHomeOptions(order.command('list'))
    .description(`list orders, the newest ${limits.pageRows} first`)
    .option('--open', 'only those that are not closed')
    .addHelpText('after', example('imprint order list --home ./authority --open'))
    .action((options: HomeOptions & { open?: boolean }) =>
      withAuthority(options, async ({ ledger }) => {
        const orders = await listOrders(ledger.reader, { open: options.open === true });
        const rows = orders.map((row) => [
          row.order_id,
          row.sku,
          row.lot,
          `${row.issued}/${row.quota}`,
          row.closed_at === null ? `open until ${row.closes_at}` : `closed ${row.closed_at}`,
        ]);
        say(
          options,
          { orders },
          rows.length === 0
            ? ['There is no order yet: imprint order create']
            : table([['ORDER', 'SKU', 'LOT', 'ISSUED', 'STATE'], ...rows]),
        );
      }),
    );

  addApprovalOptions(addHomeOptions(order.command('raise-quota')))
    .description('let an open order give more units than it was opened for; never fewer')
    .argument('<order>', 'ID of the order')
    .option('--quantity <n>', 'units that it is to have from now on, not how many are added')
    .option('--scrap-allowance <n>', 'units that may be lost on the way, from now on')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      example(
        'imprint order raise-quota PO-1001 --home ./authority --quantity 600 --scrap-allowance 12 --reason "customer wants 100 more"',
      ),
    )
    .action(raise);

  addIdentityOptions(addHomeOptions(order.command('close')))
    .description('close an order: nothing new is begun, what is begun may finish')
    .argument('<order>', 'ID of the order')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText('after', example('imprint order close PO-1001 --home ./authority --reason "lot complete"'))
    .action((orderId: string, options: HomeOptions & { reason: string }) =>
      actAs(options, 'order.manage', async (_, { ledger, person }) => {
        await closeOrder(ledger, person, orderId, options.reason);
        say(options, { order_id: orderId, closed: true }, [`Order ${orderId} is closed.`]);
      }),
    );
}

function create(orderId: string, options: CreateOptions): Promise<void> {
  return actAs(options, 'order.manage', async ({ entropy, clock }, { ledger, person }) => {
    const checked = checkContract(readBoundedFile(options.contract, limits.yamlBytes), options.contract);
    const at = clock().toISOString();
    // an order that waited for a second person opens when it was to open
    const approved = await approvedTimes(ledger.reader, person.id, orderId, at);
    const opensAt =
      options.opens === undefined ? (approved?.opens_at ?? at) : instantOf('--opens', options.opens);
    const opens = new Date(opensAt);
    const closesAt =
      options.closes === undefined
        ? (approved?.closes_at ?? new Date(opens.getTime() + defaultDays * dayMs).toISOString())
        : instantOf('--closes', options.closes);
    const year =
      options.idYear === undefined
        ? opens.getUTCFullYear()
        : wholeNumber('--id-year', options.idYear, 2000, 9999);
    const site = options.idSite === undefined ? {} : { site: options.idSite };
    const stand = await createOrder(ledger, entropy, person, checked, {
      orderId,
      sku: options.sku,
      lot: options.lot,
      quantity: wholeNumber('--quantity', options.quantity, 1, limits.orderQuantity),
      scrapAllowance: wholeNumber('--scrap', options.scrap, 0, limits.orderQuantity),
      ...(options.stationShare === undefined
        ? {}
        : { stationShare: wholeNumber('--station-share', options.stationShare, 1, limits.orderQuantity) }),
      sites: options.site ?? [],
      stations: options.station ?? [],
      ...(options.hwRev === undefined ? {} : { hardwareRevisions: options.hwRev }),
      opensAt,
      closesAt,
      ids: options.imported === true ? { source: 'imported' } : { source: 'generated', year, ...site },
    });
    const next =
      options.imported === true
        ? `Bring its IDs: imprint order import ${orderId} FILE --home ${options.home}`
        : `Its IDs: imprint device list --order ${orderId} --home ${options.home}`;
    const { product } = checked.contract;
    const [sites, stations] = [options.site ?? [], options.station ?? []];
    const uncertified = await uncovered(ledger.reader, { product, sites, stations, opensAt, closesAt });
    const details = { contract_sha256: checked.sha256, opens_at: opensAt, closes_at: closesAt, uncertified };
    say(options, { ...stand, ...details }, [
      standLine(stand),
      ...uncertified.map(
        ({ site, year }) =>
          `Warning: no CA may certify ${product} at ${site} in ${year} (imprint ca create).`,
      ),
      next,
    ]);
  });
}

function raise(orderId: string, options: RaiseOptions): Promise<void> {
  const { quantity, scrapAllowance, reason } = options;
  if (quantity === undefined && scrapAllowance === undefined) {
    throw new ImprintError('usage', 'give --quantity, --scrap-allowance or both', {
      hint: 'Each is what the order is to have from now on.',
    });
  }
  return actAs(options, 'order.manage', async ({ contracts, entropy }, { ledger, person }) => {
    const before = await showOrder(ledger.reader, orderId);
    const units = (option: string, text: string | undefined, least: number, now: number) =>
      text === undefined ? now : wholeNumber(option, text, least, limits.orderQuantity);
    const numbers = {
      quantity: units('--quantity', quantity, 1, before.quantity),
      scrap_allowance: units('--scrap-allowance', scrapAllowance, 0, before.scrap_allowance),
    };
    const request = { order_id: orderId, ...numbers, reason };
    const stand = await raiseQuota(ledger, { contracts, entropy }, person, request);
    say(options, { ...stand, ...numbers, quota_before: before.quota }, [
      stand.quota === before.quota
        ? `The quota of order ${orderId} was ${stand.quota} already.`
        : `The quota of order ${orderId} was ${before.quota} and is ${stand.quota} now.`,
      standLine(stand),
      ...(before.station_share === null
        ? []
        : [`One station still provisions at most ${before.station_share} of them.`]),
      ...(stand.allocated < stand.quota
        ? [`Bring the further IDs: imprint order import ${orderId} FILE --home ${options.home}`]
        : []),
    ]);
  });
}

function standLine({ order_id, allocated, quota }: OrderStand): string {
  return `Order ${order_id} has ${allocated} of the ${quota} device IDs of its quota.`;
}

/** The value, or where a file is at fault every line of it that is wrong, and the end of the command. */
async function orReport<T>(file: string, options: HomeOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isImprintError(error, 'file_invalid') || !Array.isArray(error.context.findings)) throw error;
    const findings = error.context.findings as Finding[];
    if (options.json) process.stdout.write(`${JSON.stringify({ ok: false, file, errors: findings })}\n`);
    for (const finding of findings) {
      process.stderr.write(`${plain(findingText(file, finding))}\n  ${finding.hint}\n`);
    }
    process.stderr.write('Nothing of the file was imported.\n');
    throw new ExitCode(1);
  }
}

function reportLines(order: OrderReport): string[] {
  const { jobs, yield: of } = order;
  const share = (value: number | null) => (value === null ? null : `${(value * 100).toFixed(2)} %`);
  return [
    ...facts({
      order: order.order_id,
      product: `${order.product}, ${order.sku}, ${order.hardware_revisions.join(' ')}`,
      lot: order.lot,
      contract: order.contract_sha256,
      open: `${order.opens_at} to ${order.closes_at}`,
      closed: order.closed_at,
      sites: order.sites.join(' ') || null,
      stations: order.stations.join(' ') || null,
      quota: `${order.quota} (${order.quantity} and ${order.scrap_allowance} scrap)`,
      'device IDs': `${order.allocated}, ${order.id_source}`,
      issued: `${order.issued}, ${order.remaining} remaining`,
    }),
    '',
    ...facts({
      'in work': jobs.open,
      done: jobs.done,
      quarantined: jobs.quarantined,
      abandoned: jobs.abandoned,
      'passed at first': of.first_pass,
      'passed after retest': of.retested,
      'first-pass yield': share(of.first_pass_yield),
      'final yield': share(of.final_yield),
    }),
    '',
    ...table([['DEVICES', ''], ...Object.entries(order.devices)]),
  ];
}

function example(line: string): string {
  return `\nExample:\n  ${line}`;
}
