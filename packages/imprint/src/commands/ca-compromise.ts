/**
 * `imprint ca compromise`: what is to be done when a CA's key was stolen, as one command that shows it, does it, and goes on where it was
 * broken off. `imprint ca replace-units` opens orders in the place of the units that were set aside.
 */
import { writeFileSync } from 'node:fs';
import { declareCompromised, requireDeclarable } from '@imprint/authority/compromise/declare';
import { disown, recognise } from '@imprint/authority/compromise/disown';
import { awaitedBy, type Plan, planOf, successorsOf } from '@imprint/authority/compromise/plan';
import { openReplacements, replacementsFor } from '@imprint/authority/compromise/replacement-orders';
import { revokeIssued } from '@imprint/authority/compromise/revoke-issued';
import { CrlPublisher } from '@imprint/authority/revocation/crl-publisher';
import { type Ca, requireCa } from '@imprint/authority/trust/cas';
import { isRevokedByRoot } from '@imprint/authority/trust/root-crls';
import { ImprintError } from '@imprint/contract/errors';
import type { Command } from 'commander';
import { type ActingAuthority, type ActingOptions, actOn, addApprovalOptions } from '../act-as.ts';
import { revokeDevCa, rootsOf } from '../make-ca.ts';
import { collect, instantOf, wholeNumber } from '../parse-option.ts';
import { progressLine } from '../progress-line.ts';
import { readSeenCertificates } from '../read-seen-certificates.ts';
import { publisherCore } from '../revocation-of.ts';
import { ExitCode } from '../run-program.ts';
import { say } from '../say.ts';
import {
  type CompromiseReport,
  IssuedList,
  orderLines,
  planLines,
  remainingLines,
  seenLines,
} from './ca-compromise-report.ts';
import { requireNew } from './device-lifecycle-report.ts';

interface CompromiseOptions extends ActingOptions {
  since?: string;
  reason?: string;
  seen?: string[];
  list?: string;
  dryRun?: boolean;
}

/** Adds `ca compromise` and `ca replace-units`. */
export function addCompromiseCommands(ca: Command): void {
  addApprovalOptions(
    ca
      .command('compromise')
      .description(
        'the key of a CA was stolen: stop it, revoke and disown what it signed, set aside what nobody can vouch for; given again, it goes on',
      )
      .argument('<ca>', 'name of the CA')
      .requiredOption('--home <dir>', "the authority's folder")
      .option('--reason <text>', 'what happened; it stands in the log')
      .option('--since <time>', 'first moment at which the key may have been in other hands (default: now)')
      .option('--seen <file>', 'certificates that were met, PEM or DER; may be repeated', collect)
      .option(
        '--list <file>',
        'write every certificate by this key, and what becomes of it, to a new CSV file',
      )
      .option('--dry-run', 'show what would be done, and change nothing')
      .option('--json', 'print one JSON object'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  imprint ca compromise device-2026-gateway --home ./authority --since 2026-11-20T06:00:00Z --reason "token missing" --dry-run',
    )
    .action((caId: string, options: CompromiseOptions) =>
      actOn(options, 'ca.manage', (authority) => compromise(authority, caId, options)),
    );

  addApprovalOptions(
    ca
      .command('replace-units')
      .description(
        'open an order in the place of each that lost units to a compromised CA; none is opened twice',
      )
      .argument('<ca>', 'name of the compromised CA')
      .requiredOption('--home <dir>', "the authority's folder")
      .option('--days <n>', 'how long the orders are open', '30')
      .option('--json', 'print one JSON object'),
  )
    .addHelpText('after', '\nExample:\n  imprint ca replace-units device-2026-gateway --home ./authority')
    .action((caId: string, options: ActingOptions & { days: string }) =>
      actOn(options, 'order.manage', async (authority) => {
        const { ledger, person } = authority;
        const compromised = await requireCompromised(authority, caId);
        const days = wholeNumber('--days', options.days, 1, 366);
        const orders = await openReplacements(ledger, authority, { by: person, ca: compromised, days });
        say(options, { orders }, orderLines(orders));
        if (orders.some(({ outcome }) => outcome === 'refused')) throw new ExitCode(1);
      }),
    );
}

async function compromise(
  authority: ActingAuthority,
  caId: string,
  options: CompromiseOptions,
): Promise<void> {
  const { ledger, clock } = authority;
  const known = await requireCa(ledger.reader, caId);
  const at = clock().toISOString();
  const since =
    options.since === undefined ? (known.compromised_since ?? at) : instantOf('--since', options.since);
  requireDeclarable(known, { since }, at);
  if (options.list !== undefined) requireNew(options.list);
  const ders = readSeenCertificates(options.seen ?? []);
  if (options.dryRun === true) {
    const seen = await recognise(ledger.reader, known, ders);
    const plan = await listed(authority, known, since, options);
    const orders = await replacementsFor(ledger.reader, known);
    report(options, {
      dryRun: true,
      isRevokedByRoot: false,
      ca: known,
      since,
      plan,
      seen,
      disowned: 0,
      revoked: 0,
      orders,
      awaited: 0,
      successors: [],
    });
    return;
  }
  const reason = options.reason ?? known.reason;
  if (known.status !== 'compromised' && options.reason === undefined) {
    throw new ImprintError('usage', 'what happened? Give it with --reason', {
      hint: 'One sentence; it stands in the log. To see first what would be done: --dry-run.',
    });
  }
  await carryOut(authority, { caId, since, reason: reason! }, ders, options);
}

async function carryOut(
  authority: ActingAuthority,
  declared: { caId: string; since: string; reason: string },
  ders: readonly Uint8Array[],
  options: CompromiseOptions,
): Promise<void> {
  const { ledger, person, contracts } = authority;
  const ca = await declareCompromised(ledger, person, declared);
  const since = ca.compromised_since!;
  tell(options, `${ca.ca_id} is stopped: it certifies nobody from now on.`);
  const seen = await recognise(ledger.reader, ca, ders);
  const disowned = await disown(ledger, person, ca, seen);
  if (authority.configuration.realm === 'dev') await revokeDevCa(authority, ca);
  const plan = await listed(authority, ca, since, options);
  const progress = progressLine(options);
  const of = plan.credentials - plan.outcomes.revoked;
  const revoked = await revokeIssued(ledger, { by: person, ca, plan, contracts }, (done) =>
    progress.show('revoked', done, of),
  );
  progress.clear();
  await new CrlPublisher(publisherCore(authority, await authority.unlock())).round();
  const orders = await replacementsFor(ledger.reader, ca);
  const successors = await successorsOf(ledger.reader, ca);
  const awaited = await awaitedBy(ledger.reader, ca);
  const revokedByRoot = await isRevokedByRoot(ledger.reader, ca, rootsOf(authority));
  report(options, {
    dryRun: false,
    isRevokedByRoot: revokedByRoot,
    ca,
    since,
    plan,
    seen,
    disowned,
    revoked,
    orders,
    awaited,
    successors,
  });
}

function report(options: CompromiseOptions, of: CompromiseReport): void {
  const { certificate: _, ...ca } = of.ca;
  const seen = of.seen.map(({ der: _der, ...one }) => one);
  const { dryRun, since, plan, disowned, revoked, orders, successors } = of;
  say(
    options,
    {
      dry_run: dryRun,
      ca,
      is_revoked_by_root: of.isRevokedByRoot,
      since,
      ...plan,
      seen,
      disowned,
      revoked_now: revoked,
      orders,
      awaited: of.awaited,
      successors,
    },
    [...planLines(of), ...seenLines(of), ...remainingLines(of, options.home)],
  );
}

/** The plan, and where it was asked for the file with every certificate of it. */
async function listed(
  { ledger }: ActingAuthority,
  ca: Ca,
  since: string,
  { list }: CompromiseOptions,
): Promise<Plan> {
  if (list === undefined) return planOf(ledger.reader, ca, since);
  const rows = new IssuedList();
  const plan = await planOf(ledger.reader, ca, since, (page) => rows.add(page));
  writeFileSync(list, rows.text(), { mode: 0o600, flag: 'wx', flush: true });
  return plan;
}

async function requireCompromised({ ledger }: ActingAuthority, caId: string): Promise<Ca> {
  const ca = await requireCa(ledger.reader, caId);
  if (ca.status === 'compromised') return ca;
  throw new ImprintError('ca_not_active', `${caId} is ${ca.status}, and lost nobody's trust`, {
    hint: 'Orders are replaced after imprint ca compromise.',
  });
}

/** What is durable is told at once: the rest may be refused. */
function tell({ json }: CompromiseOptions, line: string): void {
  if (json !== true) process.stderr.write(`${line}\n`);
}
