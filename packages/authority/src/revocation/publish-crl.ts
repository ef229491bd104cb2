/**
 * Makes one CRL in two decisions, as an issuing is: the number is taken and durable before the CA signs, and a second decision makes the
 * list the one that is served. A list that was signed and never published has used up its number (I-17).
 */
import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Kysely } from 'kysely';
import { bucketsOf, crlUrl } from '../issuing/crl-partition.ts';
import { isSignedBy } from '../issuing/issue.ts';
import type { Issuer } from '../issuing/issuer.ts';
import type { Decision, Ledger, Reading } from '../ledger/ledger.ts';
import { statement } from '../storage/statement.ts';
import type { CrlTable, RevocationTable, Tables } from '../storage/tables.ts';
import { encodeCrl, encodeCrlTbs, type RevokedSerial } from './crl.ts';
import type { Visibility } from './visibility.ts';

export interface CrlCore {
  ledger: Ledger;
  /** Names this process among those that share the database. */
  processId: string;
}

export interface PublishedCrl {
  number: number;
  revoked: number;
  bytes: number;
}

interface Claim {
  number: number;
  thisUpdate: Date;
  logSize: number;
  /** The CRL that this one follows. */
  before: CrlTable | undefined;
}

/**
 * Makes and publishes the next CRL of a partition; undefined where another process is making it, or has made one since `follows` was the
 * newest (0: before there was any).
 * @throws realm_mismatch where the CA was published with another number of partitions; clock_untrusted, storage_failed, key_locked;
 * tbs_mismatch where what the signer gave is no signature of the CA over the list
 */
export async function publishCrl(
  core: CrlCore,
  issuer: Issuer,
  partition: number,
  { validityMs }: Visibility,
  follows?: number,
): Promise<PublishedCrl | undefined> {
  const { ledger, processId } = core;
  const { crlPartitions } = issuer.revocation;
  const claim = await ledger.submit((reading) => claimNumber(reading, issuer, partition, processId, follows));
  if (claim === undefined) return undefined;
  const revoked = await revokedSerials(ledger.reader, issuer, partition, claim);
  const { thisUpdate, number } = claim;
  const nextUpdate = wholeSecond(thisUpdate.getTime() + validityMs);
  const tbs = encodeCrlTbs(
    {
      signerKeyType: issuer.signer.keyType,
      issuer: issuer.certificate.subject.der,
      keyIdentifier: issuer.keyIdentifier,
      number,
      thisUpdate: thisUpdate.toISOString(),
      nextUpdate,
      distributionPoint: pointOf(issuer, partition),
    },
    revoked,
  );
  const crl = await signed(issuer, tbs);
  const data = {
    issuer_sha256: issuer.certificate.sha256,
    partition,
    partitions: crlPartitions,
    number,
    this_update: wholeSecond(thisUpdate.getTime()),
    next_update: nextUpdate,
    crl_sha256: hash('sha256', crl, 'hex'),
    revoked: revoked.length,
    log_size: claim.logSize,
  };
  const isPublished = await ledger.submit((reading) => publish(reading, data, crl, processId));
  return isPublished ? { number, revoked: revoked.length, bytes: crl.length } : undefined;
}

/** A partition never looks like the whole list: where certificates name no URL, it has a name that none of them has. */
function pointOf({ keyIdentifier, revocation }: Issuer, partition: number): string | undefined {
  const { crlPartitions, publicUrl } = revocation;
  if (crlPartitions === 1) return undefined;
  if (publicUrl === undefined) return `urn:imprint:crl:${toHex(keyIdentifier)}:${partition}`;
  return crlUrl(publicUrl, keyIdentifier, partition);
}

async function claimNumber(
  { tx, now, at }: Reading,
  issuer: Issuer,
  partition: number,
  owner: string,
  follows: number | undefined,
): Promise<Decision<Claim | undefined>> {
  const key = { issuer_sha256: issuer.certificate.sha256, partition };
  const before = (await selectCrl(tx, key)).rows[0];
  const claimed = (await selectClaim(tx, key)).rows[0];
  if (before !== undefined && before.partitions !== issuer.revocation.crlPartitions) {
    throw new ImprintError(
      'realm_mismatch',
      `this CA has ${before.partitions} CRLs, and this process would publish ${issuer.revocation.crlPartitions}`,
      {
        hint: 'A CA keeps the number of its CRLs for ever: it stands in the record of the CA (imprint ca list).',
      },
    );
  }
  const isMade = follows !== undefined && (before?.number ?? 0) !== follows;
  // one that ends later than any does was taken under a clock that was ahead
  const latest = new Date(now.getTime() + limits.crlClaimMs + limits.clockBoundMs).toISOString();
  const isHeld = claimed !== undefined && claimed.expires_at > at && claimed.expires_at <= latest;
  const isBeingMade = isHeld && claimed.owner !== owner;
  if (isMade || isBeingMade) {
    return { entries: [], reply: () => undefined };
  }
  const number = Math.max(before?.number ?? 0, claimed?.number ?? 0) + 1;
  const { size } = await tx.selectFrom('log_head').select('size').executeTakeFirstOrThrow();
  const expires_at = new Date(now.getTime() + limits.crlClaimMs).toISOString();
  return {
    entries: [],
    remember: async (of) => {
      await of
        .insertInto('crl_claim')
        .values({ ...key, number, owner, expires_at })
        .onConflict((conflict) =>
          conflict.columns(['issuer_sha256', 'partition']).doUpdateSet({ number, owner, expires_at }),
        )
        .execute();
    },
    reply: () => ({ number, thisUpdate: now, logSize: size, before }),
  };
}

/** Only the claim's owner publishes, and only its number: whoever took the next one meanwhile has the newer list. */
async function publish(
  { tx, at }: Reading,
  data: CrlTable,
  crl: Uint8Array,
  owner: string,
): Promise<Decision<boolean>> {
  const { issuer_sha256, partition, number } = data;
  const key = { issuer_sha256, partition };
  const claimed = (await selectClaim(tx, key)).rows[0];
  if (claimed?.owner !== owner || claimed.number !== number) return { entries: [], reply: () => false };
  return {
    entries: [{ type: 'crl.published', actor: { kind: 'authority', id: owner }, data }],
    remember: async (of) => {
      await of
        .insertInto('crl_file')
        .values({ ...key, number, crl })
        .onConflict((conflict) =>
          conflict.columns(['issuer_sha256', 'partition']).doUpdateSet({ number, crl }),
        )
        .execute();
      await of
        .updateTable('crl_claim')
        .set({ expires_at: at })
        .where('issuer_sha256', '=', issuer_sha256)
        .where('partition', '=', partition)
        .execute();
    },
    reply: () => true,
  };
}

/** As X.509 writes it. */
function wholeSecond(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString();
}

async function signed(issuer: Issuer, tbs: Uint8Array): Promise<Uint8Array> {
  const signature = await issuer.signer.sign(tbs);
  if (await isSignedBy(issuer, tbs, signature)) return encodeCrl(tbs, issuer.signer.keyType, signature);
  throw new ImprintError('tbs_mismatch', "The signature of a CRL is not by the issuer's key over it.", {
    hint: 'The CRL before it is served on. Look for what changed the bytes: the signer, the memory or the program.',
  });
}

const pageRows = 2_000;

/**
 * All of the partition that belong on the list that follows on `before`. What ended before that one was made has stood on it after its
 * certificate's end, and leaves (RFC 5280 section 3.3), unless it was revoked since. Where a clock that was ahead made that one, nothing
 * leaves that has not ended by now.
 */
async function revokedSerials(
  reader: Kysely<Tables>,
  issuer: Issuer,
  partition: number,
  { before, thisUpdate }: Pick<Claim, 'before' | 'thisUpdate'>,
): Promise<RevokedSerial[]> {
  const now = wholeSecond(thisUpdate.getTime());
  const madeAt = before?.this_update ?? '';
  const { first, last } = bucketsOf(partition, issuer.revocation.crlPartitions);
  const found: RevocationTable[] = [];
  let [bucket, serial] = [first, ''];
  for (;;) {
    const { rows } = await selectRevoked(reader, {
      issuer_sha256: issuer.certificate.sha256,
      bucket,
      serial,
      last,
      ended_after: madeAt < now ? madeAt : now,
      since: before?.log_size ?? 0,
    });
    for (const row of rows) found.push(row);
    if (rows.length < pageRows) return found as RevokedSerial[];
    ({ bucket, serial } = rows.at(-1)!);
    // others are waiting meanwhile
    await nextTurn();
  }
}

const selectRevoked = statement<
  { issuer_sha256: string; bucket: number; serial: string; last: number; ended_after: string; since: number },
  RevocationTable
>(
  (db, arg) =>
    db
      .selectFrom('revocation')
      .select(['bucket', 'serial', 'revoked_at', 'reason'])
      .where('issuer_sha256', '=', arg('issuer_sha256'))
      .where((eb) =>
        eb(eb.refTuple('bucket', 'serial'), '>', eb.tuple(arg('bucket'), arg('serial')) as never),
      )
      .where('bucket', '<=', arg('last'))
      .where((eb) => eb.or([eb('not_after', '>=', arg('ended_after')), eb('log_index', '>=', arg('since'))]))
      .orderBy('issuer_sha256')
      .orderBy('bucket')
      .orderBy('serial')
      .limit(pageRows) as never,
);

const selectCrl = statement<{ issuer_sha256: string; partition: number }, CrlTable>((db, arg) =>
  db
    .selectFrom('crl')
    .selectAll()
    .where('issuer_sha256', '=', arg('issuer_sha256'))
    .where('partition', '=', arg('partition')),
);

const selectClaim = statement<
  { issuer_sha256: string; partition: number },
  { number: number; owner: string; expires_at: string }
>((db, arg) =>
  db
    .selectFrom('crl_claim')
    .select(['number', 'owner', 'expires_at'])
    .where('issuer_sha256', '=', arg('issuer_sha256'))
    .where('partition', '=', arg('partition')),
);
