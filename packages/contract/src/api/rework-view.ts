/** What a station is told of a device that had a job before: which keys are spent, and the log's word for a unit that is sealed. */
import { z } from 'zod';
import { hash } from '../audit/entry.ts';
import { limits } from '../limits.ts';

const base64 = z.base64();

export const reworkView = z.strictObject({
  /** Keys of the device's former jobs: none of them is certified again. */
  former_keys: z.array(hash).max(limits.formerKeys),
  /** The log's word for a sealed unit that holds this certificate, the newest first. */
  reopen: z
    .array(z.strictObject({ certificate_sha256: hash, log_key_b64: base64, signature_b64: base64 }))
    .max(limits.formerCertificates),
});
