/** What people read of a compromise: what becomes of the certificates, what was met in the field, and what is left for them to do. */
import { csvLine } from '@imprint/authority/audit/export';
import type { SeenCertificate } from '@imprint/authority/compromise/disown';
import type { Outcome } from '@imprint/authority/compromise/issued';
import type { Plan, Planned } from '@imprint/authority/compromise/plan';
import type { Replacement } from '@imprint/authority/compromise/replacement-orders';
import type { Ca } from '@imprint/authority/trust/cas';
import { facts, table } from '../say.ts';

export interface CompromiseReport {
  dryRun: boolean;
  ca: Ca;
  /** Whether the kept CRL of its root says so. */
  isRevokedByRoot: boolean;
  since: string;
  /** As it was before this run. */
  plan: Plan;
  seen: readonly SeenCertificate[];
  /** Of those that were seen, how many were not disowned before this run. */
  disowned: number;
  /** By this run. */
  revoked: number;
  orders: readonly Replacement[];
  /** Units in the field that have not come for another certificate yet. */
  awaited: number;
  /** CAs that certify in its place. */
  successors: readonly string[];
}

const meanings: Record<Outcome, string> = {
  'certify-anew':
    'in the field, with a key that the log names from before: certified anew when they next come',
  'set-aside': 'in our hands, or with a key that nobody can vouch for: into quarantine',
  revoke: 'of devices that are out of the way, or have another certificate: only revoked',
  revoked: 'revoked before',
};

export function planLines({ dryRun, ca, since, plan, revoked }: CompromiseReport): string[] {
  const rows = (Object.keys(meanings) as Outcome[]).map((outcome) => [
    plan.outcomes[outcome],
    outcome,
    meanings[outcome],
  ]);
  return [
    ...facts({ CA: ca.ca_id, kind: ca.kind, since, certificates: plan.credentials }),
    '',
    ...table([['NUMBER', 'OUTCOME', 'OF CERTIFICATES'], ...rows]),
    ...(ca.kind === 'station'
      ? [`Stations under it that work: ${plan.stations.length === 0 ? 'none' : plan.stations.join(', ')}`]
      : []),
    '',
    dryRun
      ? 'Nothing was changed: this is what would be done.'
      : `${revoked} ${revoked === 1 ? 'was' : 'were'} revoked now, each told by CRL and OCSP.`,
  ];
}

export function seenLines({ seen, disowned, dryRun }: CompromiseReport): string[] {
  if (seen.length === 0) return [];
  const unknown = seen.filter(({ recognised }) => recognised === 'unknown');
  const count = (which: string) => seen.filter(({ recognised }) => recognised === which).length;
  return [
    `Of ${seen.length} certificates that were met: ${count('known')} in the log, ${unknown.length} not in the log, ${count('other')} by other keys, ${count('unreadable')} unreadable.`,
    ...unknown.map(
      ({ serial, certificate_sha256 }) => `  not in the log: serial ${serial}, SHA-256 ${certificate_sha256}`,
    ),
    ...(dryRun || unknown.length === 0 ? [] : [`${disowned} of them are disowned from now on.`]),
  ];
}

/** What no command does by itself, or this person may not. */
export function remainingLines(of: CompromiseReport, home: string): string[] {
  const { dryRun, ca, successors, orders } = of;
  if (dryRun) return [];
  const lacking = orders.filter(({ outcome }) => outcome !== 'before');
  return [
    '',
    'What is left to do:',
    ...(successors.length === 0
      ? [`- No other ${ca.kind} CA may certify in its place: imprint ca create --home ${home}`]
      : []),
    ...(of.isRevokedByRoot
      ? []
      : [
          `- The root has to revoke it, which is what others believe: imprint root crl --revoke ${ca.ca_id} --reason ca-compromise, at a ceremony; then imprint ca install.`,
        ]),
    ...(of.awaited === 0
      ? []
      : [
          `- ${of.awaited} ${of.awaited === 1 ? 'unit' : 'units'} in the field ${of.awaited === 1 ? 'is' : 'are'} certified anew when they come: imprint serve has to reach them. Give this command again to see how many are left.`,
        ]),
    ...(of.plan.stations.length === 0
      ? []
      : ['- Each of its stations is enrolled anew: imprint station invite.']),
    ...(ca.kind === 'station'
      ? [`- The authority’s own listeners need another certificate: imprint ca renew-server --home ${home}`]
      : []),
    ...(lacking.length === 0
      ? []
      : [
          `- ${lacking.length} ${lacking.length === 1 ? 'order has' : 'orders have'} lost units: imprint ca replace-units ${ca.ca_id} --home ${home}`,
        ]),
    ...(of.seen.length === 0
      ? [
          '- Gather the certificates that backends have seen, and give them with --seen: what the log does not know is disowned.',
        ]
      : []),
  ];
}

const outcomes = {
  opened: 'opened',
  before: 'there before',
  'ids-needed': 'needs IDs',
  refused: 'refused',
} as const;

export function orderLines(orders: readonly Replacement[]): string[] {
  if (orders.length === 0) return ['No order has lost units to this CA.'];
  return [
    ...table([
      ['ORDER', 'UNITS', 'IN ITS PLACE', 'OUTCOME', 'WHY NOT'],
      ...orders.map(({ order_id, units, replacement_id, outcome, code, message }) => [
        order_id,
        units,
        replacement_id,
        outcomes[outcome],
        message === null ? null : `${code}: ${message}`,
      ]),
    ]),
    ...(orders.some(({ outcome }) => outcome === 'ids-needed')
      ? ['Where IDs are imported: imprint order create ORDER --imported, then imprint order import.']
      : []),
  ];
}

/** Every certificate with what becomes of it, as CSV that no spreadsheet runs. */
export class IssuedList {
  readonly #lines = [
    csvLine([
      'device_id',
      'profile',
      'serial',
      'certificate_sha256',
      'certified_at',
      'device_state',
      'outcome',
    ]),
  ];

  add(page: readonly Planned[]): void {
    for (const { credential, outcome } of page) {
      const { device_id, profile, serial, certificate_sha256, intended_at, state } = credential;
      this.#lines.push(
        csvLine([device_id, profile, serial, certificate_sha256, intended_at, state, outcome]),
      );
    }
  }

  text(): string {
    return this.#lines.join('');
  }
}
