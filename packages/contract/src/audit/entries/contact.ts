/** What units in the field do and say, why they were turned away, and the keys under which they reach the authority. */
import { z } from 'zod';
import { contactRefusal } from '../../contact-refusal.ts';
import {
  appliedConfiguration,
  deviceIdText,
  firmware,
  hash,
  processCertificate,
  processKey,
  sentence,
} from './fields.ts';

export const contactEntries = {
  /** What a device says of itself, where it differs from what it said last. */
  'device.reported': z.strictObject({
    device_id: deviceIdText,
    firmware,
    /** The configuration that it applied; null before it has one. */
    configuration: z.nullable(appliedConfiguration),
  }),
  /** It was turned away. The first time of a kind within a day; how often, and from where, stands beside the log. */
  'device.refused': z.strictObject({
    device_id: deviceIdText,
    kind: contactRefusal,
    /** Of the certificate that was shown. */
    certificate_sha256: hash,
  }),
  /** What one device alone cannot do was done under its key. From where stands beside the log. */
  'device.clone-suspected': z.strictObject({
    device_id: deviceIdText,
    certificate_sha256: hash,
    evidence: z.enum(['two-places', 'other-hardware']),
    detail: sentence,
  }),
  /** A process made a key for a listener that devices speak to, and may have it certified once. */
  'server.intended': z.strictObject(processKey),
  'server.certified': z.strictObject(processCertificate),
} as const;
