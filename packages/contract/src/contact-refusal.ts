/** Why a device that showed a certificate was turned away: the closed list that the log, the registry and other doors share. */
import { z } from 'zod';

export const contactRefusal = z.enum([
  /** No certificate that this realm issued, or of a CA that is not trusted any more. */
  'unknown-certificate',
  /** Revoked, or superseded and past its time. */
  'credential-revoked',
  'credential-expired',
  /** The key of its CA was stolen: it may ask for another certificate, and for nothing else. */
  'certify-anew',
  /** Made, but no person has shipped it yet. */
  'not-shipped',
  /** Set aside, returned, lost, retired or scrapped. */
  'barred',
  /** What one device alone cannot do was done under its key. */
  'clone-suspected',
]);
export type ContactRefusal = z.infer<typeof contactRefusal>;
