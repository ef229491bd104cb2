/**
 * I-20: everything that one realm makes is shown at every door of every realm. Each door opens for its own realm, and for no other,
 * also where the configuration beside it lies. What a door is, the table says; a new one is a new row.
 */
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createToken } from '@imprint/authority/access/api-tokens';
import { tokenHolder } from '@imprint/authority/access/sign-in';
import { ada, inTwo } from '@imprint/authority/access/two-people.test-kit';
import { verifyLog } from '@imprint/authority/audit/verify';
import { type IssuedCertificate, issue } from '@imprint/authority/issuing/issue';
import { openIssuer } from '@imprint/authority/issuing/issuer';
import { prepareStation } from '@imprint/authority/issuing/prepare';
import { spkiOf } from '@imprint/authority/issuing/requests.test-kit';
import { makeSerial } from '@imprint/authority/issuing/serial';
import { stationProfile } from '@imprint/authority/issuing/station-profile';
import { receiptOf } from '@imprint/authority/jobs/job-view';
import { gateway, type Line, openLine, TestUnit } from '@imprint/authority/jobs/line.test-kit';
import { doneUnit, type Walk } from '@imprint/authority/jobs/walk.test-kit';
import { makeKey, softwareSigner } from '@imprint/authority/signer/software';
import { requestEnrolment } from '@imprint/authority/stations/enrolment';
import { inviteStation } from '@imprint/authority/stations/invite';
import { openSession } from '@imprint/authority/stations/session';
import { openStations } from '@imprint/authority/stations/stations.test-kit';
import { openSqlite } from '@imprint/authority/storage/sqlite/open-sqlite';
import { signBundle } from '@imprint/authority/trust/bundles';
import { furtherCa } from '@imprint/authority/trust/ca-request';
import { writeCaRequest } from '@imprint/authority/trust/ca-request-file';
import { installCa, listCas, requestCa } from '@imprint/authority/trust/cas';
import { keyNames } from '@imprint/authority/trust/hierarchy';
import { issueIntermediate } from '@imprint/authority/trust/issue-ca';
import { issueRootCrl, readRootCrl } from '@imprint/authority/trust/root-crl';
import { verifierKey, verifyCheckpoint } from '@imprint/contract/audit/checkpoint';
import { verifyReceipt } from '@imprint/contract/audit/receipt';
import { fromBase64, toBase64 } from '@imprint/contract/bytes';
import { proveBytes } from '@imprint/contract/dut/statement';
import { parseEnrolmentToken } from '@imprint/contract/enrolment-token';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { renderCHeader } from '@imprint/contract/provisioning-contract/c-header';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import { anyScope } from '@imprint/contract/x509/ca-scope';
import { parseCertificate } from '@imprint/contract/x509/certificate';
import { fromPem } from '@imprint/contract/x509/pem';
import { parsePublicKey } from '@imprint/contract/x509/public-key';
import { type Realm, realms } from '@imprint/contract/x509/realm';
import { verifySignature } from '@imprint/contract/x509/signature';
import { verifyCa, verifyChain, verifyRoot } from '@imprint/contract/x509/verify-chain';
import { certificationRequest } from '@imprint/station/certification-request';
import { openJournal } from '@imprint/station/journal';
import { LineFailure } from '@imprint/station/line-failure';
import { openStationSession } from '@imprint/station/station-session';
import { greet } from '@imprint/station/steps/identify';
import { authorityHome } from 'imprint/authority-home';
import {
  ceremony,
  newRoot,
  organization,
  scratch,
  termsOf,
  waitingHome,
} from 'imprint/ceremony/ceremony.test-kit';
import { signRequest } from 'imprint/ceremony/sign-request';
import type { Stick } from 'imprint/ceremony/stick';
import { initAuthority } from 'imprint/init-authority';
import { installFirst } from 'imprint/install-answers';
import { openAuthority } from 'imprint/open-authority';

/** All that a realm has: an authority at work, a unit that it made, a station, and homes on the disk. */
interface Side {
  realm: Realm;
  line: Line;
  walk: Walk;
  receipt: string;
  token: string;
  apiToken: string;
  rootCrl: Uint8Array;
  bundle: string;
  station: IssuedCertificate;
  /** The request of a CA, and the certificate that its own root gave it. */
  request: string;
  further: { id: string; certificate: Uint8Array };
  home: string;
  /** Of the two realms whose roots are made by a ceremony. */
  stick?: Stick;
  journal: string;
}

const place = scratch();
const sides = new Map<Realm, Side>();
const person = { kind: 'person', id: 'tester' } as const;
const stationKey: KeyObject = makeKey('ec-p256');

async function makeSide(realm: Realm): Promise<Side> {
  const line = await openLine(['GW-T100'], {}, 2, gateway, realm);
  const { core, hierarchy, signers } = line;
  const { certificates, keys } = hierarchy;
  const walk = await doneUnit(line, new TestUnit(`unit-of-${realm}`), 'GW-T100');
  const now = core.clock();
  const stations = await openStations(line);
  const where = { stationId: 'st-7', site: 'site-1', line: 'l', lanes: 1, url: 'https://localhost:1' };
  const { token } = await inviteStation(stations, person, where);
  const stationCa = openIssuer(certificates.stationCa, signers.get(keyNames.stationCa)!, realm);
  const prepared = prepareStation(
    stationCa,
    stationProfile('Example', realm),
    { stationId: 'st-1', site: 'site-1', spki: spkiOf(stationKey) },
    makeSerial(now, core.entropy),
    now,
  );
  const root = openIssuer(certificates.root, softwareSigner(keys.root), realm);
  const signer = softwareSigner(makeKey('ec-p256'));
  const terms = furtherCa(`device-${realm}`, { ...anyScope, site: realm });
  const request = { ...terms, public_key_sha256: sha256Hex(signer.spki) };
  const two = await inTwo(core.ledger, core.entropy);
  await requestCa(two, ada, request);
  const by = { realm, organization: 'Example', now, entropy: core.entropy };
  const origin = { realm, organization, log_id: core.logId, made_at: now.toISOString() };
  const journal = place.at(`${realm}.sqlite`);
  const opened = openJournal(journal, () => now.toISOString()).journal;
  const session = await openSession(core, 'st-1', sessionRequest(null));
  opened.recordFact('root_sha256', core.rootSha256);
  opened.recordFact('log_key', session.log_verifier_key);
  opened.close();
  const made = realm === 'dev' ? undefined : await ceremony(place, realm);
  if (realm === 'dev') {
    await initAuthority(place.at('dev'), {
      ...{ version: 1, realm, organization, log_origin: 'example.com/dev', hosts: [] },
      listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
      minimum_station_version: '0.1.0',
    });
  }
  const api = await createToken(
    { ledger: core.ledger, entropy: core.entropy, realm },
    { means: 'password', actor: ada },
    { permissions: ['device.read'], days: 1, reason: 'a script' },
  );
  return {
    apiToken: api.token,
    rootCrl: await issueRootCrl(root, {
      ...{ number: 1, thisUpdate: now.toISOString(), nextUpdate: '2027-01-01T00:00:00.000Z', revoked: [] },
    }),
    ...{ realm, line, walk, token, journal },
    receipt: await receiptOf(core, 'GW-T100'),
    bundle: await signBundle(root, 1, [certificates.issuing], now),
    station: await issue(prepared, stationCa, { ...prepared }),
    request: await writeCaRequest(origin, request, signer),
    further: {
      id: terms.ca_id,
      certificate: await issueIntermediate(by, terms, root, signer.spki),
    },
    home: place.at(realm),
    ...(made === undefined ? {} : { stick: made.stick }),
  };
}

const sessionRequest = (last_checkpoint: string | null) => ({
  station_version: '0.1.0',
  configuration_sha256: '0'.repeat(64),
  station_time: '2026-11-24T08:00:00.000Z',
  last_checkpoint,
});

const rootsOf = ({ line, realm }: Side) => {
  const { root, stationRoot } = line.hierarchy.certificates;
  return { realm, organization: 'Example', root, stationRoot };
};
const deviceChain = ({ walk }: Side) => [walk.der, ...fromPem('CERTIFICATE', walk.chainPem)];
const stationChain = ({ station, line }: Side) => [
  station.certificate,
  line.hierarchy.certificates.stationCa,
];
const serverChain = ({ line }: Side) => [
  line.hierarchy.certificates.server,
  line.hierarchy.certificates.stationCa,
];
const logKeyOf = ({ line, realm }: Side) => verifierKey(`example.com/${realm}`, line.hierarchy.logPublicKey);

/** A door of `at` that something of `from` is shown at: it throws where it stays shut. */
type Door = (from: Side, at: Side) => unknown;

const purposes = { device: deviceChain, station: stationChain, server: serverChain } as const;
const rootFor = (purpose: keyof typeof purposes, { line }: Side) =>
  line.hierarchy.certificates[purpose === 'device' ? 'root' : 'stationRoot'];

const doors: Record<string, Door> = {
  ...Object.fromEntries(
    (Object.keys(purposes) as (keyof typeof purposes)[]).flatMap((purpose): [string, Door][] => [
      [
        `a ${purpose}'s chain at a verifier that pins its own root`,
        (from, at) =>
          verifyChain({
            ...{ chain: purposes[purpose](from), root: rootFor(purpose, at), purpose },
            ...{ at: at.line.core.clock(), realm: at.realm },
          }),
      ],
      [
        `a ${purpose}'s chain at a verifier whose pin was exchanged`,
        (from, at) =>
          verifyChain({
            ...{ chain: purposes[purpose](from), root: rootFor(purpose, from), purpose },
            ...{ at: at.line.core.clock(), realm: at.realm },
          }),
      ],
    ]),
  ),
  'a root that is to be pinned': (from, { realm, line }) =>
    verifyRoot({
      root: from.line.hierarchy.certificates.root,
      at: line.core.clock(),
      realm,
      branch: 'device',
    }),
  'an intermediate beneath the own root': (from, { realm, line }) => {
    const { issuing: certificate } = from.line.hierarchy.certificates;
    const { root } = line.hierarchy.certificates;
    return verifyCa({ certificate, root, at: line.core.clock(), realm, branch: 'device' });
  },
  'an intermediate that is opened to sign': (from, { realm }) =>
    openIssuer(from.line.hierarchy.certificates.issuing, from.line.signer, realm),
  'the answer of a root, at the authority': async (from, at) => {
    const { certificate } = from.further;
    const asked = (await listCas(at.line.core.ledger.reader)).find(({ ca_id }) => ca_id === at.further.id)!;
    await installCa(at.line.core.ledger, person, asked.ca_id, certificate, rootsOf(at));
  },
  'the request of a CA, at the ceremony': async (from, at) => {
    if (at.stick === undefined) return needs(from === at);
    await signRequest(at.stick, from.request, termsOf(place, at.stick, `${at.realm}-stick`));
  },
  'the stick of a ceremony, at a home that waits': async (from, at) => {
    if (at.stick === undefined || from.stick === undefined) return needs(from === at);
    const name = `${from.realm}-at-${at.realm}`;
    const { home, text } = await waitingHome(place, name, at.realm);
    const stick = await newRoot(place, `${name}-stick`, from.realm);
    const terms = termsOf(place, stick, `${name}-stick`);
    if (from === at)
      for (const id of ['device-issuing', 'station-issuing']) await signRequest(stick, text(id), terms);
    await installFirst(home, stick.folder, stick.transcript.head, place.at('pass'));
  },
  'a bundle of trust anchors at a unit that pins its own root': (from, { realm, line }) =>
    verifyTrustBundle(from.bundle, { root: line.hierarchy.certificates.root, realm }),
  'a bundle of trust anchors at a unit whose pin was exchanged': (from, { realm }) =>
    verifyTrustBundle(from.bundle, { root: from.line.hierarchy.certificates.root, realm }),
  'a receipt at whoever expects the realm': (from, at) =>
    verifyReceipt(from.receipt, {
      ...{ logKey: logKeyOf(from), rootDer: from.line.hierarchy.certificates.root },
      expectedRealm: at.realm,
    }),
  'a receipt at whoever pins log and root': (from, at) =>
    verifyReceipt(from.receipt, { logKey: logKeyOf(at), rootDer: at.line.hierarchy.certificates.root }),
  'a receipt that claims to be of the realm': (from, at) =>
    verifyReceipt(from.receipt.replace(`"realm":"${from.realm}"`, `"realm":"${at.realm}"`), {
      ...{ logKey: logKeyOf(from), rootDer: from.line.hierarchy.certificates.root },
      expectedRealm: at.realm,
    }),
  'a checkpoint at whoever knows the log': async (from, at) =>
    verifyCheckpoint((await from.line.core.checkpoints.latest()).text, logKeyOf(at)),
  'the log at whoever verifies it': async (from, at) => {
    const { ok, findings } = await verifyLog(from.line.core.ledger.reader, { realm: at.realm });
    if (!ok) throw new ImprintError('log_inconsistent', JSON.stringify(findings[0]));
  },
  'the signature of a unit over a statement': ({ walk }, at) => {
    const statement = walk.statement();
    const signature = fromBase64(walk.unit.prove(statement));
    const key = parsePublicKey(walk.unit.spki);
    if (!verifySignature(key, proveBytes({ ...statement, realm: at.realm }), signature)) {
      throw new ImprintError('proof_wrong', 'another realm was signed');
    }
  },
  'a root’s CRL at whoever knows the root': (from, { line }) =>
    readRootCrl(from.rootCrl, parseCertificate(line.hierarchy.certificates.root)),
  'an API token at the authority': (from, { realm, line }) =>
    tokenHolder({ ledger: line.core.ledger, realm }, from.apiToken),
  'an API token that claims to be of the realm': (from, { realm, line }) =>
    tokenHolder({ ledger: line.core.ledger, realm }, from.apiToken.replace(from.realm, realm)),
  'an enrolment token at the authority': async (from, at) => {
    const { secret: token } = parseEnrolmentToken(from.token);
    const csr = certificationRequest('st-7', createPublicKey(stationKey), stationKey);
    await requestEnrolment(await openStations(at.line), { token, csr_b64: toBase64(csr) });
  },
  'a station whose configuration names the realm': async (from, at) => {
    const { journal } = openJournal(
      place.at(`fresh-${from.realm}-${at.realm}.sqlite`),
      () => '2026-11-24T08:00:00.000Z',
    );
    await sessionWith(from, at, journal).finally(() => journal.close());
  },
  'a journal in the folder of a station': async (from, at) => {
    const copy = place.at(`journal-${from.realm}-${at.realm}.sqlite`);
    cpSync(from.journal, copy);
    const { journal } = openJournal(copy, () => '2026-11-24T08:00:00.000Z');
    await sessionWith(at, at, journal).finally(() => journal.close());
  },
  'a unit in the fixture, by the realm of its firmware': (from, at) =>
    greetAs(from.realm, at.line.core.rootSha256, at),
  'a unit in the fixture, by the root that it pins': (from, at) =>
    greetAs(at.realm, from.line.core.rootSha256, at),
  'the header that firmware is built with': (from, at) => {
    const pins = { realm: from.realm, rootSha256: from.line.core.rootSha256 };
    const header = renderCHeader(gateway.contract, gateway.sha256, pins);
    const stops = `#if defined(IMPRINT_EXPECT_REALM_${at.realm.toUpperCase()})`;
    // that a compiler stops there is tested beside the header
    if (header.includes(stops)) throw new ImprintError('realm_mismatch', 'the build stops');
  },
  'a database in the folder of a home': async (from, at) => {
    const storage = await openSqlite(authorityHome(from.home).database, at.realm);
    await storage.close();
  },
  'a home whose configuration names the realm': async (from, at) => {
    const copy = place.at(`home-${from.realm}-${at.realm}`);
    cpSync(from.home, copy, { recursive: true });
    const file = join(copy, 'imprint.json');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(`"realm": "${from.realm}"`, `"realm": "${at.realm}"`));
    await unlocked(copy, at);
  },
  'the certificates of a home, in another': async (from, at) => {
    const copy = place.at(`certificates-${from.realm}-${at.realm}`);
    cpSync(at.home, copy, { recursive: true });
    cpSync(join(from.home, 'certificates', 'root.pem'), join(copy, 'certificates', 'root.pem'));
    await unlocked(copy, at);
  },
};

/** A door that one of the realms has not: nothing is shown there. */
function needs(isOwn: boolean): void {
  if (!isOwn) throw new ImprintError('realm_mismatch', 'a realm without a ceremony has no such door');
}

async function unlocked(home: string, { realm }: Side): Promise<void> {
  const authority = await openAuthority(home, realm === 'dev' ? {} : { passphraseFile: place.at('pass') });
  try {
    await authority.unlock();
  } finally {
    await authority.close();
  }
}

async function sessionWith(
  from: Side,
  at: Side,
  journal: ReturnType<typeof openJournal>['journal'],
): Promise<void> {
  const authority = {
    call: async (_route: string, _params: object, request: ReturnType<typeof sessionRequest>) =>
      openSession(at.line.core, 'st-1', request),
  };
  await openStationSession({
    timers: { nowMs: () => 0 },
    ...{ authority: authority as never, journal, stationId: 'st-1', realm: from.realm },
    ...{ version: '0.1.0', configurationSha256: '0'.repeat(64) },
    now: () => '2026-11-24T08:00:00.000Z',
  } as never);
}

async function greetAs(realm: Realm, rootSha256: string, at: Side): Promise<void> {
  const hello = {
    realm,
    root_sha256: rootSha256,
    features: [],
    hardware_uid: [{ kind: 'mcu-uid', value: '1' }],
  };
  const dut = { start: async () => hello, call: async () => ({}) };
  const station = { view: { realm: at.realm }, rootSha256: at.line.core.rootSha256 };
  await greet({ dut, station } as never);
}

describe('I-20: nothing crosses realms', () => {
  before(async () => {
    for (const realm of realms) sides.set(realm, await makeSide(realm));
  });
  after(async () => {
    for (const { line } of sides.values()) await line.close();
    place.remove();
  });

  for (const [name, door] of Object.entries(doors)) {
    test(`${name} opens for its own realm alone`, async () => {
      for (const from of sides.values()) {
        for (const at of sides.values()) {
          const pair = `${from.realm} at ${at.realm}`;
          const outcome = await Promise.resolve()
            .then(() => door(from, at))
            .then(
              () => undefined,
              (error: unknown) => error,
            );
          if (from === at) assert.equal(outcome, undefined, `${pair}: ${String(outcome)}`);
          else {
            const isRefusal = outcome instanceof ImprintError || outcome instanceof LineFailure;
            assert.ok(isRefusal, `${pair} was let in: ${String(outcome)}`);
          }
        }
      }
    });
  }
});
