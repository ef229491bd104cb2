/**
 * Key: the unit makes its key in its own slot and the authority certifies it. The private key is never asked for, and a
 * certificate is believed only when it verifies to the realm's root and is for this ID and the key in this unit.
 */

import { equalBytes } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import { fromPem } from '@imprint/contract/x509/pem';
import { publicKeySha256 } from '@imprint/contract/x509/public-key';
import { verifyChain } from '@imprint/contract/x509/verify-chain';
import { LineFailure } from '../line-failure.ts';
import type { Certified, Work } from '../visit.ts';
import { holdsFormerKey, reopen } from './reopen.ts';

/** A key in a slow secure element takes half a second; a software key on a small core takes longer. */
const keyWorkMs = 10_000;
/** The authority may have signed a moment later than this station can tell its time. */
const clockSlackMs = 2_000;

export async function ensureKey(work: Work): Promise<void> {
  const { visit, job, contract } = work;
  const { key_type: type, storage } = contract.contract.credential;
  const isSpent = holdsFormerKey(work);
  await reopen(work);
  const replace = isSpent || work.unit.status.torn.includes('key');
  const made = await visit.dut.call(
    'generate_key',
    { slot: storage.slot, type, replace },
    { workMs: keyWorkMs },
  );

  if (job.certificate?.public_key_sha256 !== made.public_key_sha256) {
    if (work.proven || job.state === 'proven' || job.state === 'sealed') {
      throw new LineFailure('certificate_wrong', 'the unit no longer holds the key that it was proven with');
    }
    const issued = await visit.outbox.send(
      'issueCredential',
      { job_id: job.job_id },
      { attempt: job.attempt, csr_b64: made.csr_b64 },
    );
    const { device_cert_pem, chain_pem, public_key_sha256 } = issued;
    work.job = { ...job, state: 'issued', certificate: { device_cert_pem, chain_pem, public_key_sha256 } };
  }
  work.certified = certified(work, made.public_key_sha256);
}

/** @throws LineFailure certificate_wrong, ImprintError certificate_refused */
function certified({ visit, job }: Work, unitKeySha256: string): Certified {
  if (!job.certificate) throw new ImprintError('internal', 'the job has no certificate');
  const { device_cert_pem: deviceCertPem, chain_pem: chainPem } = job.certificate;
  const [leafDer] = fromPem('CERTIFICATE', deviceCertPem, 1);
  const chainDers = fromPem('CERTIFICATE', chainPem);
  const { root, view } = visit.station;
  const leaf = verifyChain({
    chain: [leafDer!, ...chainDers.filter((der) => !equalBytes(der, root))],
    root,
    at: new Date(visit.station.serverTime().getTime() + clockSlackMs),
    realm: view.realm,
    purpose: 'device',
  });
  if (leaf.id !== job.device_id) {
    throw new LineFailure('certificate_wrong', `the certificate is for ${leaf.id}, not for ${job.device_id}`);
  }
  if (publicKeySha256(leaf.publicKey.spki) !== unitKeySha256) {
    throw new LineFailure('certificate_wrong', "the certificate is not for the key in this unit's slot");
  }
  return { leaf, leafDer: leafDer!, chainDers, deviceCertPem, chainPem };
}
