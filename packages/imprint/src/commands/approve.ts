/** `imprint approve`: asks for a second person and is one, and says from when on acts take two. */
import {
  type ApprovalView,
  grantApproval,
  listApprovals,
  refuseApproval,
  requestApproval,
} from '@imprint/authority/access/approvals';
import { changePolicy } from '@imprint/authority/access/change-policy';
import { policyOf, takesTwoPeople } from '@imprint/authority/access/policy';
import { type ApprovalAct, approvalAct } from '@imprint/contract/approval-act';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import {
  type ActingOptions,
  actAs,
  addApprovalOptions,
  addHomeOptions,
  addIdentityOptions,
} from '../act-as.ts';
import { collect, wholeNumber } from '../parse-option.ts';
import { facts, plain, say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface PolicyOptions extends ActingOptions {
  required?: boolean;
  notRequired?: boolean;
  orderLimit?: string;
  siteLimit?: string[];
  reason?: string;
}

/** Adds `approve request|list|grant|refuse|policy`. */
export function addApproveCommands(program: Command): void {
  const approve = program.command('approve').description('second persons for what takes two');

  addIdentityOptions(addHomeOptions(approve.command('request')))
    .description('ask for a second person; most acts do this themselves with --request-approval')
    .addArgument(approve.createArgument('<act>', 'the act').choices(approvalAct.options))
    .requiredOption('--parameters <json>', 'exactly what the act is to do, a JSON object')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .option('--hours <n>', 'how long the request waits', String(limits.approvalLifeMs / 3_600_000))
    .addHelpText(
      'after',
      '\nExample:\n  imprint approve request debug.exception --parameters \'{"device_id":"SN-00012345"}\' --home ./authority --as ada --reason "field trial"',
    )
    .action(
      (act: ApprovalAct, options: ActingOptions & { parameters: string; reason: string; hours: string }) =>
        actAs(options, null, async ({ entropy }, { ledger, who }) => {
          const asked = await requestApproval(ledger, entropy, who, {
            act,
            parameters: objectOf(options.parameters),
            reason: options.reason,
            lifeMs:
              wholeNumber('--hours', options.hours, 1, limits.approvalLifeMaxMs / 3_600_000) * 3_600_000,
          });
          say(options, asked, [`Approval ${asked.approval_id} waits until ${asked.expires_at}.`]);
        }),
    );

  addHomeOptions(approve.command('list'))
    .description('list what waits for a second person, or was granted and not used yet')
    .option('--all', 'also what is over')
    .addHelpText('after', '\nExample:\n  imprint approve list --home ./authority')
    .action((options: ActingOptions & { all?: boolean }) =>
      withAuthority(options, async ({ ledger, clock }) => {
        const waiting = options.all !== true;
        const approvals = await listApprovals(ledger.reader, clock().toISOString(), { waiting });
        say(
          options,
          { approvals },
          approvals.length === 0 ? ['Nothing waits for a second person.'] : approvals.flatMap(approvalLines),
        );
      }),
    );

  addIdentityOptions(addHomeOptions(approve.command('grant')))
    .description('be the second person: look at the parameters first (imprint approve list)')
    .argument('<approval>', 'ID of the approval')
    .requiredOption('--reason <text>', 'what you saw; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint approve grant ap-0123456789ab --home ./authority --as ben --reason "seen the unit"',
    )
    .action((approvalId: string, options: ActingOptions & { reason: string }) =>
      actAs(options, null, async (_, { ledger, who }) => {
        const granted = await grantApproval(ledger, who, approvalId, options.reason);
        say(options, granted, [
          `Granted: ${granted.act} of ${plain(granted.subject)}, as ${granted.requested_by} asked, until ${granted.expires_at}.`,
        ]);
      }),
    );

  addIdentityOptions(addHomeOptions(approve.command('refuse')))
    .description('end a request: as the second person, or your own')
    .argument('<approval>', 'ID of the approval')
    .requiredOption('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint approve refuse ap-0123456789ab --home ./authority --as ben --reason "wrong unit"',
    )
    .action((approvalId: string, options: ActingOptions & { reason: string }) =>
      actAs(options, null, async (_, { ledger, who }) => {
        await refuseApproval(ledger, who, approvalId, options.reason);
        say(options, { approval_id: approvalId, state: 'refused' }, [`${approvalId} is refused.`]);
      }),
    );

  addApprovalOptions(addHomeOptions(approve.command('policy')))
    .description('show from when on acts take two people, or change it; test and prod always take two')
    .addOption(new Option('--required', 'from now on acts take two people').conflicts('notRequired'))
    .option('--not-required', 'from now on one person acts (dev realm)')
    .option('--order-limit <n>', 'the largest order that one person opens; 0: any')
    .option('--site-limit <site=n>', 'the same for one site; may be repeated, replaces all', collect)
    .option('--reason <text>', 'why; it stands in the log')
    .addHelpText(
      'after',
      '\nExample:\n  imprint approve policy --home ./authority --as ada --required --order-limit 5000 --reason "line two opens"',
    )
    .action(policy);
}

function policy(options: PolicyOptions): Promise<void> {
  const { required, notRequired, orderLimit, siteLimit } = options;
  if (
    required === undefined &&
    notRequired === undefined &&
    orderLimit === undefined &&
    siteLimit === undefined
  ) {
    return withAuthority(options, async ({ ledger }) => {
      const now = await policyOf(ledger.reader);
      const takesTwo = await takesTwoPeople(ledger.reader);
      say(options, { ...now, takes_two_people: takesTwo }, [
        takesTwo
          ? 'Acts of two people take two here.'
          : 'One person acts here: imprint approve policy --required',
        ...facts({
          'order limit': now.order_limit ?? 'none',
          ...Object.fromEntries(
            Object.entries(now.site_limits).map(([site, units]) => [`at ${site}`, units]),
          ),
        }),
      ]);
    });
  }
  const { reason } = options;
  if (reason === undefined) {
    throw new ImprintError('usage', 'a change of the policy has a reason', {
      hint: 'Give it with --reason.',
    });
  }
  return actAs(options, 'policy.change', async (_, { ledger, who }) => {
    const before = await policyOf(ledger.reader);
    const units =
      orderLimit === undefined ? null : wholeNumber('--order-limit', orderLimit, 0, limits.orderQuantity);
    const changed = await changePolicy(
      ledger,
      who,
      {
        approvals: required === true ? 'required' : notRequired === true ? 'not-required' : before.approvals,
        order_limit: units === null ? before.order_limit : units === 0 ? null : units,
        site_limits: siteLimit === undefined ? before.site_limits : Object.fromEntries(siteLimit.map(siteOf)),
      },
      reason,
    );
    say(options, changed, [
      changed.approvals === 'required'
        ? 'From now on acts take two people.'
        : 'One person acts, in the dev realm.',
    ]);
  });
}

function siteOf(text: string): [string, number] {
  const at = text.lastIndexOf('=');
  return [
    text.slice(0, Math.max(at, 0)),
    wholeNumber('--site-limit', text.slice(at + 1), 1, limits.orderQuantity),
  ];
}

function objectOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ImprintError('usage', '--parameters is no JSON', {
      hint: 'Give one object, such as {"device_id":"SN-00012345"}.',
      cause,
    });
  }
}

function approvalLines(row: ApprovalView): string[] {
  return [
    ...table([[row.approval_id, row.state, row.act, row.subject]]),
    ...facts({
      '  asked by': `${row.requested_by}, ${row.requested_at}: ${row.reason}`,
      '  until': row.expires_at,
      '  decided by':
        row.decided_by === null ? null : `${row.decided_by}, ${row.decided_at}: ${row.decision_reason}`,
      '  used': row.used_at === null ? null : `${row.used_by}, ${row.used_at}`,
      '  parameters': JSON.stringify(row.parameters),
    }),
  ];
}
