/**
 * Write: trust anchor, device ID, factory configuration, certificate and chain, each only where the unit does not hold it
 * already, and each read back. What counts is what was read.
 */
import { concatBytes, toUtf8 } from '@imprint/contract/bytes';
import type { DutReply } from '@imprint/contract/dut/message';
import { sha256Hex } from '@imprint/contract/hash';
import { fromPem } from '@imprint/contract/x509/pem';
import type { RepeatableCall } from '../dut-session.ts';
import { LineFailure } from '../line-failure.ts';
import type { ReadBack, Work } from '../visit.ts';

export async function writeIdentity(work: Work): Promise<void> {
  const { visit, job } = work;
  const { dut } = visit;
  const wanted = wantedItems(work);
  const { deviceCertPem, chainPem } = work.certified!;
  const { trust_anchor_pem, device_id, factory_config: config } = job;
  const certs = { device_cert_pem: deviceCertPem, chain_pem: chainPem };
  const writes: [keyof ReadBack, RepeatableCall][] = [
    ['trust_anchor_sha256', { cmd: 'write_trust_anchor', payload: { trust_anchor_pem } }],
    ['device_id', { cmd: 'set_device_id', payload: { device_id } }],
    ['factory_config_sha256', { cmd: 'write_factory_config', payload: { config } }],
    ['certificate_sha256', { cmd: 'write_certs', payload: certs }],
  ];

  // What it was read to hold when it was identified holds on: nothing was written since, and a reset ends the session.
  const missing = await missingItems(work, wanted);
  const { debug_lock, reopened } = work.unit.status;
  if (missing.size > 0 && debug_lock !== 'open' && reopened === undefined) {
    throw new LineFailure(
      'certificate_wrong',
      `the unit is sealed already, and its ${[...missing].join(', ')} is not what was issued`,
    );
  }
  await dut.callAll(writes.filter(([item]) => missing.has(item)).map(([, write]) => write));

  const read = await readBack(work);
  const wrong = (Object.keys(wanted) as (keyof ReadBack)[]).find((item) => read[item] !== wanted[item]);
  if (wrong === 'device_id') {
    throw new LineFailure('id_mismatch', `${wanted.device_id} was written and ${read.device_id} read back`);
  }
  if (wrong !== undefined)
    throw new LineFailure('read_back_wrong', `${wrong} reads back other than it was written`);
  work.readBack = read;
}

function wantedItems({ job, certified, unit }: Work): ReadBack {
  return {
    device_id: job.device_id,
    certificate_sha256: sha256Hex(certified!.leafDer),
    chain_sha256: sha256Hex(concatBytes(...certified!.chainDers)),
    trust_anchor_sha256: unit.hello.root_sha256,
    factory_config_sha256: sha256Hex(toUtf8(job.factory_config)),
  };
}

/** What must be written, by the unit's own account; certificate and chain are one item. */
async function missingItems(work: Work, wanted: ReadBack): Promise<Set<keyof ReadBack>> {
  const { status } = work.unit;
  const torn = new Set<string>(status.torn);
  const missing = new Set<keyof ReadBack>();
  if (status.trust_anchor_sha256 !== wanted.trust_anchor_sha256 || torn.has('trust_anchor'))
    missing.add('trust_anchor_sha256');
  if (status.device_id !== wanted.device_id || torn.has('device_id')) missing.add('device_id');
  if (status.factory_config_sha256 !== wanted.factory_config_sha256 || torn.has('factory_config')) {
    missing.add('factory_config_sha256');
  }
  const holdsCertificate =
    status.certificate_sha256 === wanted.certificate_sha256 &&
    status.chain_sha256 !== null &&
    !torn.has('device_cert') &&
    !torn.has('chain') &&
    chainHash(await work.visit.dut.call('read_certs', {})) === wanted.chain_sha256;
  if (!holdsCertificate) missing.add('certificate_sha256');
  return missing;
}

async function readBack({ visit: { dut } }: Work): Promise<ReadBack> {
  const [anchor, { device_id }, { config }, certs] = await dut.callAll([
    { cmd: 'read_trust_anchor', payload: {} },
    { cmd: 'read_device_id', payload: {} },
    { cmd: 'read_factory_config', payload: {} },
    { cmd: 'read_certs', payload: {} },
  ]);
  return {
    device_id,
    certificate_sha256: sha256Hex(ders(certs.device_cert_pem, 1)),
    chain_sha256: chainHash(certs),
    trust_anchor_sha256: sha256Hex(ders(anchor.trust_anchor_pem, 1)),
    factory_config_sha256: sha256Hex(new TextEncoder().encode(config)),
  };
}

function chainHash(certs: DutReply<'read_certs'>): string {
  return sha256Hex(ders(certs.chain_pem));
}

/** The DER of what the unit gives as PEM; text that is none reads as nothing, and so as wrong. */
function ders(pem: string, most?: number): Uint8Array {
  try {
    return concatBytes(...fromPem('CERTIFICATE', pem, most));
  } catch {
    return new Uint8Array(0);
  }
}
