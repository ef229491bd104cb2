/** What revocation costs, round by round: all CRLs over very many revocations, one more of them, and OCSP beside a static file. */

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Issuer } from '@imprint/authority/issuing/issuer';
import { makeSerial } from '@imprint/authority/issuing/serial';
import { revokeCredential } from '@imprint/authority/jobs/revoke-credential';
import { CrlPublisher } from '@imprint/authority/revocation/crl-publisher';
import { ocspRequestOf } from '@imprint/authority/revocation/ocsp-request';
import { bucketOf } from '@imprint/authority/storage/serial-bucket';
import { fromHex, toHex } from '@imprint/contract/bytes';
import { publisherCore } from 'imprint/revocation-of';
import { type BenchHome, serve } from './bench-home.ts';
import { pairRatios, spreadOf } from './figures.ts';
import { beginSession, issueInProcess } from './issuing.ts';
import { type LoadResult, runClient } from './load.ts';
import { makeOrder, openJobs } from './open-jobs.ts';
import type { Reach, ReportPart, Row } from './report.ts';
import type { AskWork } from './revocation-client.ts';

export interface RevocationPlan {
  revocations: number;
  rounds: number;
  /** Requests of one measurement. */
  requests: number;
}

const clientFile = fileURLToPath(new URL('revocation-client.ts', import.meta.url));
const connections = 16;
/** Devices whose certificates OCSP is asked about, over and over. */
const devicesAsked = 400;
/** Below this the listener's code is still being compiled. */
const leastWarmUp = 5_000;
const rowsAtOnce = 2_000;
const ways = ['a static file', 'OCSP by GET', 'OCSP by POST'] as const;

export async function measureRevocation(
  home: BenchHome,
  plan: RevocationPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const serials = await certify(home, devicesAsked + plan.rounds);
  say(`${plan.revocations} revocations are entered`);
  await enterRevocations(home, plan.revocations);
  const publisher = new CrlPublisher(publisherCore(home.authority, home.unlocked));
  await publisher.round();
  const all: number[] = [];
  const one: number[] = [];
  const bytes: number[] = [];
  for (let round = 1; round <= plan.rounds; round++) {
    say(`CRLs, round ${round} of ${plan.rounds}`);
    let begun = performance.now();
    const made = await publisher.round(true);
    all.push((performance.now() - begun) / 1000);
    bytes.push(made.reduce((sum, crl) => sum + crl.bytes, 0));
    const listed = made.reduce((sum, crl) => sum + crl.revoked, 0);
    if (listed < plan.revocations) throw new Error(`the CRLs list ${listed} of ${plan.revocations}`);
    await revokeCredential(
      home.authority.ledger,
      home.authority.person,
      { serial: serials.pop()! },
      'scrapped',
    );
    begun = performance.now();
    const anew = await publisher.round();
    one.push(performance.now() - begun);
    if (anew.length !== 1) throw new Error(`one revocation had ${anew.length} CRLs made`);
  }
  const answers = await measureAnswers(home, plan, serials, say);
  const median = (figures: number[]) => spreadOf(figures).median;
  const rateOf = (way: (typeof ways)[number]) => answers[way].map(({ perSecond }) => perSecond);
  const share = pairRatios(rateOf('OCSP by GET'), rateOf('a static file'));
  const partitions = (await deviceCa(home)).revocation.crlPartitions;
  return {
    rows: [
      {
        name: `all ${partitions} CRLs over ${plan.revocations} revocations`,
        unit: 'seconds',
        figures: all,
        besides: { bytes },
        note: 'read from the database, built, signed and stored durably, a number in the log for each; the revocations were entered into their table and not into the log',
      },
      {
        name: `one more revocation among ${plan.revocations}`,
        unit: 'ms',
        figures: one,
        note: 'the round of the publisher that finds it: its partition alone is read, built, signed and stored durably; a poll of a second comes before it',
      },
      ...ways.map((way): Row => answerRow(way, answers[way])),
    ],
    ratios: [
      { name: 'OCSP by GET : a static file', figures: share },
      {
        name: 'OCSP by POST : a static file',
        figures: pairRatios(rateOf('OCSP by POST'), rateOf('a static file')),
      },
    ],
    reach: [
      reach(
        `seconds for all CRLs over ${plan.revocations} revocations`,
        'under 10',
        median(all),
        median(all) < 10,
      ),
      reach('ms for the CRL of one more', 'under 100', median(one), median(one) < 100),
      reach('OCSP answers by GET for each static file', 'at least 0.7', median(share), median(share) >= 0.7),
    ],
    leftOut: [],
    plots: [
      {
        kind: 'bars',
        name: 'revocation-answers',
        title: `Answers of the public listener, ${connections} connections`,
        unit: 'a second',
        bars: ways.map((way) => ({ label: way, side: 'Imprint', figures: rateOf(way) })),
        wanted: { label: 'wanted: 70 % of the file', value: 0.7 * median(rateOf('a static file')) },
      },
    ],
  };
}

const reach = (what: string, wanted: string, found: number, reached: boolean): Reach => ({
  what,
  wanted,
  found,
  reached,
});

function answerRow(way: (typeof ways)[number], results: readonly LoadResult[]): Row {
  const { file, ocsp } = {
    file: 'GET /ca/root.pem, from memory',
    ocsp: `${devicesAsked} certificates asked about over and over, so that each answer was signed before`,
  };
  return {
    name: way,
    unit: 'answers a second',
    figures: results.map(({ perSecond }) => perSecond),
    besides: {
      p50Ms: results.map(({ p50Ms }) => p50Ms),
      p99Ms: results.map(({ p99Ms }) => p99Ms),
      serverUs: results.flatMap(({ serverUs }) => serverUs ?? []),
    },
    note: `${way === 'a static file' ? file : ocsp}; plain HTTP, ${connections} kept connections, the same server and client`,
  };
}

/** Certificates of as many devices; their serials. */
async function certify(home: BenchHome, count: number): Promise<string[]> {
  const deviceIds = await makeOrder(home, 'revocation-1', count);
  const units = await openJobs(home, 'revocation-1', deviceIds, () => undefined);
  await issueInProcess(home, await beginSession(home), units, 16);
  const rows = await home.authority.ledger.reader.selectFrom('credential').select('serial').execute();
  return rows.map(({ serial }) => serial);
}

/** Straight into their table, since the log would take long, and CRLs are made of the table alone. */
async function enterRevocations(home: BenchHome, count: number): Promise<void> {
  const { ledger, clock } = home.authority;
  const issuer_sha256 = (await deviceCa(home)).certificate.sha256;
  const revoked_at = clock().toISOString();
  for (let done = 0; done < count; done += rowsAtOnce) {
    const rows = Array.from({ length: Math.min(rowsAtOnce, count - done) }, () => {
      const serial = toHex(makeSerial(clock(), randomBytes));
      return {
        issuer_sha256,
        bucket: bucketOf(serial),
        serial,
        revoked_at,
        reason: 'key-compromise',
        not_after: '9999-12-31T23:59:59.000Z',
        log_index: 0,
      };
    });
    await ledger.submit(async () => ({
      entries: [],
      remember: async (tx) => {
        await tx.insertInto('revocation').values(rows).execute();
      },
      reply: () => undefined,
    }));
  }
}

/** The home's one CA of devices. */
async function deviceCa({ authority, unlocked }: BenchHome): Promise<Issuer> {
  const [first] = await unlocked.line.issuers.telling(authority.ledger.reader, ['device']);
  return first!;
}

async function measureAnswers(
  home: BenchHome,
  plan: RevocationPlan,
  serials: readonly string[],
  say: (sentence: string) => void,
): Promise<Record<(typeof ways)[number], LoadResult[]>> {
  const { certificate } = await deviceCa(home);
  const requests = serials.map((serial) => ocspRequestOf(certificate, fromHex(serial)));
  const asked: Record<(typeof ways)[number], AskWork['asked']> = {
    'a static file': [{ path: '/ca/root.pem' }],
    'OCSP by GET': requests.map((der) => ({
      path: `/ocsp/${encodeURIComponent(Buffer.from(der).toString('base64'))}`,
    })),
    'OCSP by POST': requests.map((der) => ({
      path: '/ocsp',
      bodyB64: Buffer.from(der).toString('base64'),
      type: 'application/ocsp-request',
    })),
  };
  const found: Record<(typeof ways)[number], LoadResult[]> = {
    'a static file': [],
    'OCSP by GET': [],
    'OCSP by POST': [],
  };
  const { publicUrl, process: authority } = await serve(home);
  try {
    for (let round = 1; round <= plan.rounds; round++) {
      say(`answers, round ${round} of ${plan.rounds}`);
      for (const way of ways) {
        const work: AskWork = {
          origin: publicUrl,
          serverPid: authority.pid!,
          connections,
          warmUp: Math.max(plan.requests / 4, leastWarmUp),
          requests: plan.requests,
          asked: asked[way],
        };
        found[way].push(await runClient<LoadResult>(clientFile, home.folder, work));
      }
    }
  } finally {
    await authority.stop();
  }
  return found;
}
