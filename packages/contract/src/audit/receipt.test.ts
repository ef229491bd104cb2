import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, fromBase64, toBase64, toHex, toUtf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical-json.ts';
import { attestBytes, proveBytes } from '../dut/statement.ts';
import type { ErrorCode, ImprintError } from '../errors.ts';
import { sha256Hex } from '../hash.ts';
import {
  altName,
  buildChain,
  ext,
  type KeyPair,
  keys,
  newKeyPair,
  signWith,
} from '../x509/chain-fixture.test-kit.ts';
import { derTime } from '../x509/der-writer.ts';
import { publicKeySha256 } from '../x509/public-key.ts';
import { signCheckpoint, verifierKey } from './checkpoint.ts';
import { encodeEntry } from './entry.ts';
import { appendLeaf, emptyFrontier, frontierRoot, inclusionProof, leafHash, type NodeRef } from './merkle.ts';
import {
  type CompletedEntry,
  parseReceipt,
  type ReceiptTrust,
  verifyReceipt,
  writeReceipt,
} from './receipt.ts';

const uid = [{ kind: 'mcu-uid', value: '0123ABCD' }];
const { root, chain } = buildChain(({ leaf }) => {
  leaf.extensions[5] = ext.altNames(
    altName.hardware('2.25.1', toUtf8('mcu-uid=0123ABCD')),
    altName.uri('urn:imprint:dev:SN-00012345'),
  );
});
const certificateSha256 = sha256Hex(chain[0]!);
const logPair = newKeyPair('ed25519');
const logKey = verifierKey('log.example.com/dev', logPair.publicKey.raw);
const logId = sha256Hex(logKey.publicKey);
const trust: ReceiptTrust = { logKey, rootDer: root, expectedRealm: 'dev' };
const hashOf = (text: string) => sha256Hex(toUtf8(text));

const state = {
  debug_lock: 'locked' as const,
  boot_flags: { secure_boot: true },
  firmware_build_id: 'fw-1.2.3',
  firmware_sha256: hashOf('firmware'),
  rollback_counter: 3,
  boot_count: 5,
  trust_anchor_sha256: sha256Hex(root),
  factory_config_sha256: hashOf('factory configuration'),
  storage_map_sha256: hashOf('storage map'),
};
const common = {
  realm: 'dev',
  logId,
  jobId: 'job-1',
  deviceId: 'SN-00012345',
  hardwareUid: uid,
  certificateSha256,
  contractSha256: hashOf('contract'),
};
const proveNonce = hashOf('nonce 1');
const attestNonce = hashOf('nonce 2');
const proveSignature = signWith(keys.device, proveBytes({ ...common, attempt: 1, nonce: proveNonce }));
const attestSignature = signWith(
  keys.device,
  attestBytes({ ...common, attempt: 2, nonce: attestNonce }, state),
);
const debugState = { debug_lock: 'open' as const, boot_flags: { secure_boot: false } };

function goodEntry(): CompletedEntry {
  return {
    v: 1,
    type: 'job.completed',
    at: '2026-06-01T12:00:00.000Z',
    realm: 'dev',
    actor: { kind: 'station', id: 'S1' },
    salt: '00112233445566778899aabbccddeeff',
    data: {
      job_id: 'job-1',
      order_id: 'PO-1',
      lot: 'L1',
      product: 'meter',
      sku: 'M-1',
      device_id: 'SN-00012345',
      hardware_uid: uid,
      hw_rev: 'B',
      site: 'hq',
      station_id: 'S1',
      where: { lane: 1, carrier: null, position: null },
      operator_id: 'op-7',
      contract_sha256: common.contractSha256,
      contract_revision: '3',
      manifest_sha256: hashOf('manifest'),
      log_id: logId,
      key_type: 'ec-p256',
      public_key_sha256: publicKeySha256(keys.device.publicKey.spki),
      certificate_sha256: certificateSha256,
      certificate_serial: '11b2c3d4e5f60718',
      issuer_sha256: sha256Hex(chain[1]!),
      assurance: 'proven-through-station',
      prove: { attempt: 1, nonce: proveNonce, signature_b64: toBase64(proveSignature) },
      attest: { attempt: 2, nonce: attestNonce, signature_b64: toBase64(attestSignature), state },
      reported: {
        read_back: {
          device_id: 'SN-00012345',
          certificate_sha256: certificateSha256,
          chain_sha256: sha256Hex(chain[1]!),
          trust_anchor_sha256: sha256Hex(root),
          factory_config_sha256: state.factory_config_sha256,
        },
        seal: {
          before: debugState,
          after: { debug_lock: 'locked', boot_flags: { secure_boot: true } },
          acts: ['write_boot_flags', 'finalize'],
        },
        selftest: { passed: true, checks: ['adc'] },
        label: { mode: 'preprinted', scanned_back: 'SN-00012345' },
        station_version: '0.1.0',
        station_configuration_sha256: hashOf('station configuration'),
        durations_ms: { write: 12 },
      },
    },
  };
}

interface Parts {
  entry: Uint8Array;
  chain: readonly Uint8Array[];
  realm?: 'dev' | 'test' | 'prod';
  logSigner?: KeyPair;
}

/** A receipt over a log of seven entries in which the given one is the fourth: the log itself is honest, whatever it holds. */
async function receiptOf({ entry, chain, realm = 'dev', logSigner = logPair }: Parts): Promise<string> {
  const nodes = new Map<string, Uint8Array>();
  let frontier = emptyFrontier;
  for (let at = 0; at < 7; at++) {
    const leaf = leafHash(at === 3 ? entry : toUtf8(`entry ${at}`));
    frontier = appendLeaf(frontier, leaf, ({ level, index }, hash) => nodes.set(`${level}/${index}`, hash));
  }
  const read = ({ level, index }: NodeRef) => nodes.get(`${level}/${index}`)!;
  const key = verifierKey(logKey.name, logSigner.publicKey.raw);
  const head = { origin: logKey.name, size: 7, root: frontierRoot(frontier) };
  const checkpoint = await signCheckpoint(head, key, (message) => signWith(logSigner, message));
  return writeReceipt({
    realm,
    entry,
    index: 3,
    inclusionProof: inclusionProof(3, 7, read),
    checkpoint,
    chain,
  });
}

const good = await receiptOf({ entry: encodeEntry(goodEntry()), chain });

function refuses(
  text: string,
  code: ErrorCode,
  part?: Record<string, unknown>,
  by: ReceiptTrust = trust,
): void {
  assert.throws(
    () => verifyReceipt(text, by),
    (error: ImprintError) => {
      assert.equal(error.code, code, String(error));
      for (const [name, value] of Object.entries(part ?? {})) assert.equal(error.context[name], value);
      return true;
    },
  );
}

test('a receipt verifies offline and says what the device signed, the station reported and the authority verified', () => {
  const summary = verifyReceipt(`${good}\n`, trust);
  assert.equal(summary.deviceId, 'SN-00012345');
  assert.equal(summary.assurance, 'proven-through-station');
  assert.equal(summary.completedAt, '2026-06-01T12:00:00.000Z');
  assert.equal(summary.fingerprints.certificate, certificateSha256);
  assert.deepEqual(summary.hardwareUid, uid);
  assert.deepEqual([summary.log.index, summary.log.size], [3, 7]);
  const by = Object.fromEntries(summary.vouched.map(({ item, by }) => [item, by]));
  assert.equal(by['attest.state.debug_lock'], 'device');
  assert.equal(by.hardware_uid, 'device');
  assert.equal(by['reported.selftest'], 'station');
  assert.equal(by.operator_id, 'station');
  assert.equal(by.order_id, 'authority');
  assert.equal(summary.vouched.length, Object.keys(by).length);
});

test('every field of the entry is vouched for by exactly one party', () => {
  const named = new Set(verifyReceipt(good, trust).vouched.map(({ item }) => item.split('.')[0]));
  const fields = Object.keys(goodEntry().data);
  assert.deepEqual([...named].sort(), [...fields, 'realm', 'at'].sort());
});

const parsed = () => JSON.parse(good) as Record<string, unknown>;
const malformed: [string, string][] = [
  ['nothing', ''],
  ['no JSON', 'receipt'],
  ['white space', JSON.stringify(parsed(), null, 2)],
  ['keys in another order', JSON.stringify(Object.fromEntries(Object.entries(parsed()).reverse()))],
  ['a key twice', good.replace('{', '{"chain_b64":[],')],
  ['two newlines', `${good}\n\n`],
  ['more bytes than the cap', canonicalJson({ ...parsed(), entry_b64: 'A'.repeat(300_000) })],
  ['an extra field', canonicalJson({ ...parsed(), note: 'x' })],
  ['another format', canonicalJson({ ...parsed(), format: 'imprint-receipt-v2' })],
  ['an unknown realm', canonicalJson({ ...parsed(), realm: 'stage' })],
  ['an index that is text', canonicalJson({ ...parsed(), index: '3' })],
  ['a negative index', canonicalJson({ ...parsed(), index: -1 })],
  ['a chain without issuer', canonicalJson({ ...parsed(), chain_b64: [toBase64(chain[0]!)] })],
  [
    'an upper-case proof',
    canonicalJson({
      ...parsed(),
      inclusion_proof: parseReceipt(good).inclusion_proof.map((text) => text.toUpperCase()),
    }),
  ],
  ['an entry that is not base64', canonicalJson({ ...parsed(), entry_b64: '****' })],
  ...Object.keys(parsed()).map((field): [string, string] => {
    const { [field]: _, ...rest } = parsed();
    return [`no ${field}`, canonicalJson(rest)];
  }),
];
for (const [name, text] of malformed) {
  test(`refuses a receipt with ${name}`, () => {
    refuses(text, 'receipt_invalid');
  });
}

test('I-16: refuses a receipt under another log key, of another log, or whose checkpoint was changed', async () => {
  const stranger = newKeyPair('ed25519');
  const foreign = await receiptOf({ entry: encodeEntry(goodEntry()), chain, logSigner: stranger });
  refuses(foreign, 'checkpoint_invalid');
  refuses(
    good,
    'checkpoint_invalid',
    {},
    { ...trust, logKey: verifierKey('log.example.com/other', logKey.publicKey) },
  );
  refuses(good.replace('\\n7\\n', '\\n8\\n'), 'signature_wrong');
  // a log that has another key than the one that the unit named in what it signed
  refuses(
    foreign,
    'receipt_invalid',
    { item: 'log_id' },
    { ...trust, logKey: verifierKey(logKey.name, stranger.publicKey.raw) },
  );
});

test('I-16: refuses an entry that the log does not hold, at another index, or with a proof that is off by a hash', () => {
  const receipt = parseReceipt(good);
  const changed = (change: Partial<typeof receipt>) => canonicalJson({ ...receipt, ...change });
  const other = encodeEntry({ ...goodEntry(), salt: 'ff112233445566778899aabbccddeeff' });
  const item = { item: 'inclusion_proof' };
  refuses(changed({ entry_b64: toBase64(other) }), 'receipt_invalid', item);
  refuses(changed({ index: 2 }), 'receipt_invalid', item);
  refuses(changed({ index: 7 }), 'receipt_invalid', item);
  refuses(changed({ inclusion_proof: receipt.inclusion_proof.slice(1) }), 'receipt_invalid', item);
  refuses(changed({ inclusion_proof: [...receipt.inclusion_proof, hashOf('x')] }), 'receipt_invalid', item);
  refuses(
    changed({ inclusion_proof: receipt.inclusion_proof.with(0, hashOf('x')) }),
    'receipt_invalid',
    item,
  );
  const bytes = fromBase64(receipt.entry_b64);
  for (let at = 0; at < bytes.length; at += 11) {
    refuses(changed({ entry_b64: toBase64(bytes.with(at, bytes[at]! ^ 1)) }), 'receipt_invalid', item);
  }
});

test('refuses what the log holds but is no completed job of this version', async () => {
  const entry = goodEntry();
  const closed = encodeEntry({ ...entry, type: 'order.closed', data: { order_id: 'PO-1', reason: 'done' } });
  refuses(await receiptOf({ entry: closed, chain }), 'receipt_invalid', { item: 'type' });
  for (const bad of ['{}', canonicalJson({ ...entry, note: 1 }), ` ${canonicalJson(entry)}`]) {
    refuses(await receiptOf({ entry: toUtf8(bad), chain }), 'entry_invalid');
  }
});

test('I-20: refuses a receipt of another realm, by its own word, the expectation, the root or the chain', async () => {
  const entry = encodeEntry(goodEntry());
  refuses(good, 'realm_mismatch', {}, { ...trust, expectedRealm: 'prod' });
  const claimed = await receiptOf({ entry, chain, realm: 'prod' });
  refuses(claimed, 'realm_mismatch');
  refuses(claimed, 'certificate_refused', { reason: 'realm_mismatch' }, { logKey, rootDer: root });
  const other = encodeEntry({ ...goodEntry(), realm: 'prod' });
  refuses(await receiptOf({ entry: other, chain }), 'receipt_invalid', { item: 'realm' });
  refuses(
    good,
    'certificate_refused',
    { reason: 'signature_wrong' },
    {
      ...trust,
      rootDer: buildChain(({ root }) => Object.assign(root, { signer: newKeyPair('ec-p384') })).root,
    },
  );
});

test('refuses another chain: a bit flipped, out of order, expired at the time of the entry', async () => {
  const entry = encodeEntry(goodEntry());
  for (const at of [10, 200, chain[0]!.length - 5]) {
    const bad = chain[0]!.with(at, chain[0]![at]! ^ 1);
    refuses(await receiptOf({ entry, chain: [bad, chain[1]!] }), 'certificate_refused');
  }
  refuses(await receiptOf({ entry, chain: [chain[1]!, chain[0]!] }), 'certificate_refused');
  refuses(
    await receiptOf({ entry, chain: [chain[0]!, concatBytes(chain[1]!, Uint8Array.of(0))] }),
    'certificate_refused',
    { reason: 'malformed' },
  );
  const expired = buildChain(({ leaf }) =>
    Object.assign(leaf, { notAfter: derTime('2026-05-31T00:00:00Z') }),
  ).chain;
  refuses(await receiptOf({ entry, chain: [expired[0]!, chain[1]!] }), 'certificate_refused', {
    reason: 'expired',
  });
});

test("refuses another valid certificate of the same device than the entry's", async () => {
  const again = buildChain(({ leaf }) =>
    Object.assign(leaf, { notBefore: derTime('2026-01-02T00:00:00Z') }),
  ).chain;
  refuses(
    await receiptOf({ entry: encodeEntry(goodEntry()), chain: [again[0]!, chain[1]!] }),
    'receipt_invalid',
    { item: 'certificate_sha256' },
  );
});

type Data = CompletedEntry['data'];
const changedData = (change: (data: Data) => unknown): Uint8Array => {
  const entry = structuredClone(goodEntry());
  change(entry.data);
  return encodeEntry(entry);
};

const contradictions: [string, (data: Data) => unknown][] = [
  ['log_id', (data) => Object.assign(data, { log_id: hashOf('x') })],
  ['device_id', (data) => Object.assign(data, { device_id: 'SN-00012346' })],
  ['certificate_serial', (data) => Object.assign(data, { certificate_serial: '11b2c3d4e5f60719' })],
  ['issuer_sha256', (data) => Object.assign(data, { issuer_sha256: hashOf('x') })],
  ['key_type', (data) => Object.assign(data, { key_type: 'ed25519' })],
  ['public_key_sha256', (data) => Object.assign(data, { public_key_sha256: hashOf('x') })],
  [
    'attest.state.trust_anchor_sha256',
    (data) => Object.assign(data.attest.state, { trust_anchor_sha256: hashOf('x') }),
  ],
  [
    'reported.read_back.trust_anchor_sha256',
    (data) => Object.assign(data.reported.read_back, { trust_anchor_sha256: hashOf('x') }),
  ],
  [
    'reported.read_back.factory_config_sha256',
    (data) => Object.assign(data.reported.read_back, { factory_config_sha256: hashOf('x') }),
  ],
  [
    'reported.read_back.certificate_sha256',
    (data) => Object.assign(data.reported.read_back, { certificate_sha256: hashOf('x') }),
  ],
  [
    'reported.read_back.chain_sha256',
    (data) => Object.assign(data.reported.read_back, { chain_sha256: hashOf('x') }),
  ],
  [
    'reported.seal.after.debug_lock',
    (data) => Object.assign(data.reported.seal.after, { debug_lock: 'open' }),
  ],
  [
    'reported.seal.after.boot_flags',
    (data) => Object.assign(data.reported.seal.after, { boot_flags: { secure_boot: true, jtag: false } }),
  ],
  ['station_id', (data) => Object.assign(data, { station_id: 'S2' })],
  ['attest.attempt', (data) => Object.assign(data.prove, { attempt: 3 })],
  ['reported.read_back.device_id', (data) => Object.assign(data.reported.read_back, { device_id: 'SN-1' })],
  ['reported.label.scanned_back', (data) => Object.assign(data.reported.label, { scanned_back: 'SN-1' })],
  ['reported.selftest.passed', (data) => Object.assign(data.reported.selftest, { passed: false })],
  ['attest.nonce', (data) => Object.assign(data.attest, { nonce: proveNonce })],
  ['hardware_uid', (data) => Object.assign(data, { hardware_uid: [{ kind: 'mcu-uid', value: '0123ABCE' }] })],
];
for (const [item, change] of contradictions) {
  test(`refuses an entry, even one that the log holds, in which ${item} contradicts the rest`, async () => {
    refuses(await receiptOf({ entry: changedData(change), chain }), 'receipt_invalid', { item });
  });
}

/** The station reports what the entry says that the unit attested. */
const sealedAs = (data: Data, changed: Partial<Data['attest']['state']>) => {
  Object.assign(data.attest.state, changed);
  Object.assign(data.reported.seal.after, changed);
};

const unsigned: [string, 'prove' | 'attest', (data: Data) => unknown][] = [
  ['another job', 'prove', (data) => Object.assign(data, { job_id: 'job-2' })],
  ['another contract', 'prove', (data) => Object.assign(data, { contract_sha256: hashOf('x') })],
  ['another attempt of Prove', 'prove', (data) => Object.assign(data.prove, { attempt: 2 })],
  ['another nonce of Prove', 'prove', (data) => Object.assign(data.prove, { nonce: hashOf('x') })],
  [
    "Attest's signature for Prove",
    'prove',
    (data) => Object.assign(data.prove, { signature_b64: toBase64(attestSignature) }),
  ],
  [
    "a stranger's signature for Prove",
    'prove',
    (data) =>
      Object.assign(data.prove, {
        signature_b64: toBase64(
          signWith(keys.other, proveBytes({ ...common, attempt: 1, nonce: proveNonce })),
        ),
      }),
  ],
  ['another attempt of Attest', 'attest', (data) => Object.assign(data.attest, { attempt: 1 })],
  ['another nonce of Attest', 'attest', (data) => Object.assign(data.attest, { nonce: hashOf('x') })],
  [
    "Prove's signature for Attest",
    'attest',
    (data) => Object.assign(data.attest, { signature_b64: toBase64(proveSignature) }),
  ],
  ['an empty signature of Attest', 'attest', (data) => Object.assign(data.attest, { signature_b64: '' })],
  ['an open debug lock, reported as open too', 'attest', (data) => sealedAs(data, { debug_lock: 'open' })],
  [
    'another boot flag, reported alike',
    'attest',
    (data) => sealedAs(data, { boot_flags: { secure_boot: false } }),
  ],
  ['other firmware', 'attest', (data) => Object.assign(data.attest.state, { firmware_sha256: hashOf('x') })],
  [
    'another firmware build',
    'attest',
    (data) => Object.assign(data.attest.state, { firmware_build_id: 'fw-1.2.4' }),
  ],
  [
    'another roll-back counter',
    'attest',
    (data) => Object.assign(data.attest.state, { rollback_counter: 2 }),
  ],
  ['another boot count', 'attest', (data) => Object.assign(data.attest.state, { boot_count: 6 })],
  [
    'another storage map',
    'attest',
    (data) => Object.assign(data.attest.state, { storage_map_sha256: hashOf('x') }),
  ],
  [
    'another factory configuration',
    'attest',
    (data) => {
      data.attest.state.factory_config_sha256 = hashOf('x');
      data.reported.read_back.factory_config_sha256 = hashOf('x');
    },
  ],
];
for (const [name, statement, change] of unsigned) {
  test(`I-27: refuses an entry, even one that the log holds, with ${name}: the unit signed no such ${statement}`, async () => {
    refuses(await receiptOf({ entry: changedData(change), chain }), 'proof_wrong', { statement });
  });
}

test('no bit of a receipt can be flipped', () => {
  const bytes = toUtf8(good);
  for (let at = 0; at < bytes.length; at += 13) {
    const text = Buffer.from(bytes.with(at, bytes[at]! ^ (1 << (at % 7)))).toString('utf8');
    assert.throws(
      () => verifyReceipt(text, trust),
      { name: 'ImprintError' },
      `${at}: ${toHex(bytes.subarray(at, at + 1))}`,
    );
  }
});
