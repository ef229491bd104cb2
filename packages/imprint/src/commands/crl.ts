/** `imprint crl list|publish`: which CRLs there are, and making those that are due without an authority that serves. */
import { CrlPublisher } from '@imprint/authority/revocation/crl-publisher';
import { tightestVisibility } from '@imprint/authority/revocation/visibility';
import { listCas } from '@imprint/authority/trust/cas';
import { rootNames } from '@imprint/authority/trust/issue-ca';
import { keptRootCrls } from '@imprint/authority/trust/root-crls';
import type { Command } from 'commander';
import { type ActingAuthority, type ActingOptions, actOn, addIdentityOptions } from '../act-as.ts';
import { renewDevRootCrls } from '../make-ca.ts';
import type { OpenAuthority } from '../open-authority.ts';
import { publisherCore } from '../revocation-of.ts';
import { say, table } from '../say.ts';
import { withAuthority } from '../with-authority.ts';

interface CrlOptions {
  home: string;
  json?: boolean;
}

/** Adds the commands `crl`. */
export function addCrlCommands(program: Command): void {
  const crl = program.command('crl').description('revocation lists of the CAs');
  crl
    .command('list')
    .description('the newest CRL of each root, CA and partition: number, size, and until when it holds')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint crl list --home ./authority')
    .action((options: CrlOptions) => withAuthority(options, (authority) => list(authority, options)));
  addIdentityOptions(crl.command('publish'))
    .description('make the CRLs that are due, as imprint serve does by itself')
    .requiredOption('--home <dir>', "the authority's folder")
    .option('--all', 'all of them, due or not')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint crl publish --home ./authority')
    .action((options: ActingOptions & { all?: boolean }) =>
      actOn(options, 'ca.manage', (authority) => publish(authority, options)),
    );
}

async function list(authority: Omit<OpenAuthority, 'person'>, options: CrlOptions): Promise<void> {
  const { ledger, contracts, clock } = authority;
  const { boundMs } = await tightestVisibility(ledger.reader, contracts);
  const rows = await ledger.reader
    .selectFrom('crl')
    .selectAll()
    .orderBy('issuer_sha256')
    .orderBy('partition')
    .execute();
  const names = await caNames(authority);
  const now = clock().toISOString();
  const crls = rows.map(({ log_size: _, ...row }) => ({
    ca: names.get(row.issuer_sha256) ?? row.issuer_sha256,
    ...row,
    ended: row.next_update <= now,
  }));
  const root_crls = (await keptRootCrls(ledger.reader)).map(({ crl: _, ...row }) => ({
    ...row,
    ended: row.next_update <= now,
  }));
  const ofRoots = root_crls.map(({ branch, ...row }) => ({ ca: rootNames[branch], ...whole, ...row }));
  say(options, { visible_within_minutes: boundMs / 60_000, crls, root_crls }, [
    ...(crls.length === 0
      ? ['No CRL of a CA was published yet: imprint serve does it, or imprint crl publish.']
      : []),
    ...(crls.length + ofRoots.length === 0
      ? []
      : table([
          ['CA', 'CRL', 'number', 'revoked', 'made', 'holds until', ''],
          ...[...ofRoots, ...crls].map(
            ({ ca, partition, partitions, number, revoked, this_update, next_update, ended }) => [
              ca,
              `${partition} of ${partitions}`,
              number,
              revoked,
              this_update,
              next_update,
              ended ? 'ended' : '',
            ],
          ),
        ])),
    `By the contracts a revocation shows within ${boundMs / 60_000} minutes.`,
  ]);
}

async function publish(authority: ActingAuthority, options: CrlOptions & { all?: boolean }): Promise<void> {
  const core = publisherCore(authority, await authority.unlock());
  const made = await new CrlPublisher(core).round(options.all ?? false);
  const names = await caNames(authority);
  // elsewhere people sign them at a ceremony
  const ofRoots =
    authority.configuration.realm === 'dev' ? await renewDevRootCrls(authority, options.all ?? false) : [];
  const published = [
    ...made.map(({ issuer, ...crl }) => ({ ca: names.get(issuer.certificate.sha256)!, ...crl })),
    ...ofRoots.map(({ branch, number, revoked, crl }) => ({
      ...{ ca: rootNames[branch], partition: 0, number, revoked, bytes: crl.length },
    })),
  ].sort((a, b) => a.ca.localeCompare(b.ca) || a.partition - b.partition);
  say(
    options,
    { published },
    published.length === 0
      ? ['No CRL is due.']
      : table([
          ['CA', 'CRL', 'number', 'revoked', 'bytes'],
          ...published.map(({ ca, partition, number, revoked, bytes }) => [
            ca,
            partition,
            number,
            revoked,
            bytes,
          ]),
        ]),
  );
}

/** A root has one list. */
const whole = { partition: 0, partitions: 1 };

/** The names of the CAs, by the SHA-256 of their certificates. */
async function caNames({ ledger }: Pick<ActingAuthority, 'ledger'>): Promise<Map<string, string>> {
  const cas = await listCas(ledger.reader);
  return new Map(cas.flatMap((ca) => (ca.certificate_sha256 ? [[ca.certificate_sha256, ca.ca_id]] : [])));
}
