/** What the log says of a realm, its CAs, what devices are told to trust, and the CRLs and answers of OCSP in its name. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import {
  base64,
  caId,
  caKind,
  caScope,
  crlPartitions,
  hash,
  instant,
  processCertificate,
  processKey,
  realmName,
  sentence,
  serialHex,
} from './fields.ts';

export const trustEntries = {
  'realm.created': z.strictObject({
    organization: z.string().min(1).max(64),
    root_sha256: hash,
    log_origin: z.string().min(1).max(200),
    log_id: hash,
    issuing_ca_sha256: hash,
    station_ca_sha256: hash,
  }),
  /** A CA's key was made here, and its certificate is asked of the root. */
  'ca.requested': z.strictObject({
    ca_id: caId,
    kind: caKind,
    /** The common name of its subject. */
    subject: z.string().min(1).max(64),
    public_key_sha256: hash,
    scope: caScope,
    crl_partitions: crlPartitions,
    /** The CA in whose place it comes, for the same kind of holder. */
    replaces: z.nullable(caId),
  }),
  /** The root's answer, checked: from here on it certifies. */
  'ca.installed': z.strictObject({
    ca_id: caId,
    certificate_sha256: hash,
    certificate_b64: base64,
  }),
  /** It certifies nobody any more; what it certified stays valid, and its revocations go on. */
  'ca.retired': z.strictObject({ ca_id: caId, reason: sentence }),
  /** Its key is in other hands, since then at the latest: it certifies nobody, and all that it certified is to be revoked. */
  'ca.compromised': z.strictObject({ ca_id: caId, since: instant, reason: sentence }),
  /** A certificate that a compromised CA's key has signed and that this log knows nothing of, as somebody has met it. */
  'certificate.disowned': z.strictObject({
    issuer_sha256: hash,
    serial: serialHex,
    certificate_sha256: hash,
    /** As it says; the last moment of 9999 where that cannot be read. */
    not_after: instant,
    /** Null where it is longer than anything that belongs into a log. */
    certificate_b64: z.nullable(base64),
  }),
  /** What devices may trust, in the exact text that the root signed (trust-bundle.ts). */
  'bundle.published': z.strictObject({
    version: z.int().min(1),
    sha256: hash,
    text: z.string().max(limits.bundleBytes),
  }),
  /** Keys that another realm has certified: they are certified for nobody here (I-20). */
  'keys.excluded': z.strictObject({
    /** Whose keys they are. */
    realm: realmName,
    log_id: hash,
    public_key_sha256s: z.array(hash).min(1).max(limits.keysPerLogEntry),
  }),
  /** A CA's CRL, or that of one of its partitions, is what the authority serves from now on. The list itself follows from the log. */
  'crl.published': z.strictObject({
    issuer_sha256: hash,
    partition: z
      .int()
      .min(0)
      .max(limits.crlPartitions - 1),
    /** How many the CA has: for ever the same. */
    partitions: z.int().min(1).max(limits.crlPartitions),
    number: z.int().min(1),
    this_update: instant,
    next_update: instant,
    crl_sha256: hash,
    revoked: z.int().min(0),
    /** Every revocation among so many first entries of the log is in it. */
    log_size: z.int().min(0),
  }),
  /** A root's own CRL, as it was signed where the root's key is: what the authority serves in that root's name from now on. */
  'root-crl.installed': z.strictObject({
    branch: caKind,
    number: z.int().min(1),
    this_update: instant,
    next_update: instant,
    /** CAs in it. */
    revoked: z.int().min(0),
    crl_sha256: hash,
    crl_b64: base64,
  }),
  /** A process made a key that answers OCSP for a CA, and may have it certified once. */
  'responder.intended': z.strictObject(processKey),
  'responder.certified': z.strictObject(processCertificate),
} as const;
