/** Valid messages of the unit's wire, one of each command and some replies, to break. */
import type { FramedReply, FramedRequest } from '@imprint/contract/dut/frame';

const hash = 'ab'.repeat(32);
const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const proof = { job: 'job-1', attempt: 1, nonce: hash };

const payloads: Record<string, Record<string, unknown>> = {
  hello: { versions: [1] },
  status: {},
  generate_key: { slot: 0, type: 'ec-p256', replace: false },
  write_trust_anchor: { trust_anchor_pem: pem },
  set_device_id: { device_id: 'SN-00012345' },
  write_factory_config: { config: '{"a":1}' },
  write_certs: { device_cert_pem: pem, chain_pem: pem },
  read_trust_anchor: {},
  read_device_id: {},
  read_factory_config: {},
  read_certs: {},
  prove: proof,
  attest: proof,
  write_boot_flags: { boot_flags: { secure_boot: true, disable_jtag: true } },
  finalize: { lock_debug: true, permanent: false },
  selftest: { timeout_s: 15 },
  reboot: {},
  sign_challenge: { challenge_b64: 'AAAA' },
  put_chunk: { offset: 0, total: 3, data_b64: 'e30K' },
  get_chunk: { offset: 0, length: 64 },
};

export const commandSamples: FramedRequest[] = [
  ...Object.entries(payloads).map(([cmd, payload], seq) => ({ seq, cmd, payload })),
  { seq: 9, cmd: 'write_certs', staged: { length: 3, sha256: hash } },
];

export const helloSample: FramedReply = {
  seq: 0,
  ok: true,
  version: 1,
  session: '0a1b2c3d',
  max_line: 4096,
  window: 3,
  features: [],
  hardware_uid: [{ kind: 'mcu-uid', value: '0123ABCD' }],
  hw_rev: 'B2',
  product: 'gateway',
  firmware: { build_id: 'fw-1', sha256: hash, rollback_counter: 1 },
  realm: 'dev',
  root_sha256: hash,
  storage_map_sha256: hash,
};

export const statusSample: FramedReply = {
  seq: 1,
  ok: true,
  boot_count: 1,
  debug_lock: 'open',
  boot_flags: { secure_boot: false },
  device_id: null,
  key: { slot: 0, type: 'ec-p256', public_key_sha256: hash },
  certificate_sha256: null,
  chain_sha256: hash,
  trust_anchor_sha256: null,
  factory_config_sha256: null,
  torn: ['device_cert'],
};

export const replySamples: FramedReply[] = [
  helloSample,
  statusSample,
  { seq: 2, ok: true, csr_b64: 'AAAA', public_key_sha256: hash },
  { seq: 3, ok: true, signed_by: 'key-0', signature_b64: 'AAAA' },
  { seq: 4, ok: true, held: { length: 3, sha256: hash } },
  { seq: 5, ok: true, passed: true, results: [{ name: 'clock', passed: true, detail: '' }] },
  { seq: 6, ok: false, error: 'sealed', detail: 'it is sealed' },
  { seq: 7, ok: false, error: 'no_session' },
];
