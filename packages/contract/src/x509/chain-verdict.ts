/**
 * The strict verifier's answer as data, for suites and scripts: accept or refuse, with the reason. It decides nothing itself, and
 * a fault of the program is thrown, never told as a refusal.
 */

import { type ImprintError, isImprintError } from '../errors.ts';
import type { VerifiedLeaf } from './leaf.ts';
import { publicKeySha256 } from './public-key.ts';
import type { RefusalReason } from './refusal.ts';
import { type ChainToVerify, verifyChain } from './verify-chain.ts';

export interface ChainVerdict {
  verdict: 'accept' | 'refuse';
  /** Null where the chain is accepted. */
  reason: {
    /** `unreadable` where the bytes hold no certificates at all. */
    code: RefusalReason | 'unreadable';
    message: string;
    /** Which certificate is at fault: 0 is the leaf, the last is the root; null where it is the chain as a whole. */
    position: number | null;
  } | null;
  /** Null where the chain is refused: nothing of a refused leaf is worth knowing. */
  leaf: ReturnType<typeof leafFacts> | null;
}

/**
 * The verdict of {@link verifyChain} on what `read` gives. What `read` throws as `file_invalid` or `der_invalid` is a refusal as
 * well: the bytes are what is judged.
 * @throws bad_request where `at` is no time
 */
export function judgeChain(read: () => ChainToVerify): ChainVerdict {
  try {
    return { verdict: 'accept', reason: null, leaf: leafFacts(verifyChain(read())) };
  } catch (error) {
    if (isImprintError(error, 'certificate_refused')) {
      return refused(error, error.context.reason as RefusalReason);
    }
    if (isImprintError(error, 'file_invalid', 'der_invalid')) return refused(error, 'unreadable');
    throw error;
  }
}

function refused(error: ImprintError, code: RefusalReason | 'unreadable'): ChainVerdict {
  const position = typeof error.context.position === 'number' ? error.context.position : null;
  return { verdict: 'refuse', reason: { code, message: error.message, position }, leaf: null };
}

function leafFacts({ purpose, realm, id, certificate, publicKey, dnsNames, ipAddresses }: VerifiedLeaf) {
  return {
    purpose,
    realm,
    id,
    serial: certificate.serialHex,
    not_before: certificate.notBefore,
    not_after: certificate.notAfter,
    certificate_sha256: certificate.sha256,
    public_key_sha256: publicKeySha256(publicKey.spki),
    key_type: publicKey.type,
    dns_names: dnsNames,
    ip_addresses: ipAddresses,
    /** Null where its CA is bound to none. */
    product: certificate.extensions.scope?.product ?? null,
    site: certificate.extensions.scope?.site ?? null,
  };
}
