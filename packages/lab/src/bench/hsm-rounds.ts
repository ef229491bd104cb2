/**
 * How many signatures a second a key in a token gives through our signer, beside plain calls of the same library on the same
 * machine; and what issuing with it costs beside a key in memory.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateTokenKey } from '@imprint/authority/signer/pkcs11/generate-token-key';
import { readTestPin, startSoftHsm } from '@imprint/authority/signer/pkcs11/softhsm.test-kit';
import type { TokenReference } from '@imprint/authority/signer/pkcs11/token-reference';
import { openTokenSigner, type TokenSigner } from '@imprint/authority/signer/pkcs11/token-signer';
import { limits } from '@imprint/contract/limits';
import type { KeyInToken } from 'imprint/ca-signers';
import { makeBenchHome } from './bench-home.ts';
import { pairRatios, spreadOf } from './figures.ts';
import { beginSession, issueInProcess, warmUpShare } from './issuing.ts';
import { makeOrder, openJobs } from './open-jobs.ts';
import type { PlainLoop } from './plain-token-loop.ts';
import type { ReportPart, Row } from './report.ts';

export interface HsmPlan {
  rounds: number;
  signatures: number;
  /** Certificates that an authority issues in a round. */
  units: number;
}

/** Of plain synchronous calls in one process, at least. */
const wantedShare = 0.7;
const issuingCallers = 64;
const plainLoop = fileURLToPath(new URL('./plain-token-loop.ts', import.meta.url));

interface Found {
  plain: number[];
  one: number[];
  two: number[];
  /** Milliseconds of one signature on an idle token. */
  aloneMs: number[];
  issuedInMemory: number[];
  issuedInToken: number[];
}

/** A round measures plain calls, the signer with one process and with two, and issuing with both kinds of key. */
export async function measureHsm(
  folder: string,
  plan: HsmPlan,
  say: (sentence: string) => void,
): Promise<ReportPart> {
  const hsm = startSoftHsm();
  try {
    const place = hsm.addToken('bench');
    const request = { place, keyType: 'ec-p256', label: 'issuing', entropy: randomBytes } as const;
    const { reference } = await generateTokenKey({ ...request, readPin: readTestPin });
    const pinFile = join(hsm.folder, 'pin');
    writeFileSync(pinFile, await readTestPin(), { mode: 0o600 });
    say(`two authorities in ${folder}, and the jobs of their units`);
    const inMemory = await waitingHome(join(folder, 'memory'), plan);
    const inToken = await waitingHome(join(folder, 'token'), plan, { reference, pinFile });
    const found: Found = {
      ...{ plain: [], one: [], two: [], aloneMs: [] },
      ...{ issuedInMemory: [], issuedInToken: [] },
    };
    try {
      for (let round = 1; round <= plan.rounds; round++) {
        say(`signing with a token, round ${round} of ${plan.rounds}`);
        found.plain.push(await plainRate(reference, plan.signatures));
        found.one.push(await signerRate({ ...reference, processes: 1 }, plan.signatures, found.aloneMs));
        found.two.push(await signerRate({ ...reference, processes: 2 }, plan.signatures));
        found.issuedInMemory.push(await inMemory.issue());
        found.issuedInToken.push(await inToken.issue());
      }
    } finally {
      await Promise.all([inMemory.close(), inToken.close()]);
    }
    return partOf(found);
  } finally {
    hsm.remove();
  }
}

/** An authority with units that wait; each call issues to so many of them as a round takes, and gives certificates a second. */
async function waitingHome(folder: string, { rounds, units }: HsmPlan, issuingKey?: KeyInToken) {
  const home = await makeBenchHome(folder, undefined, {}, issuingKey);
  const ids = await makeOrder(home, 'hsm-1', rounds * units);
  const waiting = await openJobs(home, 'hsm-1', ids, () => undefined);
  const sessionId = await beginSession(home);
  return {
    issue: () => issueInProcess(home, sessionId, waiting.splice(0, units), issuingCallers),
    close: () => home.authority.close(),
  };
}

function partOf({ plain, one, two, aloneMs, issuedInMemory, issuedInToken }: Found): ReportPart {
  const unit = 'signatures a second';
  const rows: Row[] = [
    {
      name: 'plain calls',
      unit,
      figures: plain,
      note: 'C_SignInit and C_Sign of pkcs11js over SoftHSM2, P-256, one after another in one process that does nothing else',
    },
    {
      name: 'the signer, one process',
      unit,
      figures: one,
      note: `${limits.decisionsPerTick} callers at once; hashing, the way to the process and back, and the DER form included`,
      besides: { aloneMs },
    },
    {
      name: 'the signer, two processes',
      unit,
      figures: two,
      note: 'the same over two sessions; the asking process and both signing ones share the cores',
    },
    {
      name: 'issuing, key in memory',
      unit: 'certificates a second',
      figures: issuedInMemory,
      note: `in process, ${issuingCallers} callers: checks, intent, signature, certificate, registry and audit log, fsynced before the answer`,
    },
    {
      name: 'issuing, key in the token',
      unit: 'certificates a second',
      figures: issuedInToken,
      note: 'the same with one signing process; each signature is verified before its certificate is released (I-3)',
    },
  ];
  const shares = pairRatios(one, plain);
  const found = spreadOf(shares).median;
  return {
    rows,
    ratios: [
      { name: 'the signer, one process / plain calls', figures: shares },
      { name: 'the signer, two processes / plain calls', figures: pairRatios(two, plain) },
      {
        name: 'issuing, key in the token / key in memory',
        figures: pairRatios(issuedInToken, issuedInMemory),
      },
    ],
    reach: [
      {
        what: 'the signer with one process, beside plain calls',
        wanted: `at least ${wantedShare}`,
        found,
        reached: found >= wantedShare,
      },
    ],
    leftOut: [],
    plots: [],
  };
}

async function plainRate(reference: TokenReference, count: number): Promise<number> {
  const child = fork(plainLoop, [], { execArgv: [], serialization: 'advanced' });
  const warmUp = Math.floor(count * warmUpShare);
  child.send({ reference, pin: await readTestPin(), warmUp, count } satisfies PlainLoop);
  const [rate] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error('the process that signs plainly ended');
    }),
  ]);
  return rate as number;
}

/** @param alone gets the milliseconds that one signature took on an idle token, if it is given */
async function signerRate(reference: TokenReference, count: number, alone?: number[]): Promise<number> {
  const signer = await openTokenSigner(reference, {
    readPin: readTestPin,
    monotonicMs: () => performance.now(),
  });
  try {
    await signAll(signer, Math.floor(count * warmUpShare));
    const begun = performance.now();
    await signAll(signer, count);
    const rate = (count * 1000) / (performance.now() - begun);
    const aloneFrom = performance.now();
    for (let time = 0; time < 100; time++) await signer.sign(randomBytes(600));
    alone?.push((performance.now() - aloneFrom) / 100);
    return rate;
  } finally {
    await signer.close();
  }
}

/** As many at once as one tick of the ledger decides. */
async function signAll(signer: TokenSigner, count: number): Promise<void> {
  const certificate = randomBytes(600);
  let left = count;
  const caller = async () => {
    while (left-- > 0) await signer.sign(certificate);
  };
  await Promise.all(Array.from({ length: limits.decisionsPerTick }, caller));
}
