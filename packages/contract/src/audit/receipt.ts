/**
 * A receipt: one log entry with all that proves offline that its unit is done. It trusts the log's public key and the realm's
 * root that the holder pins, and nothing that the receipt brings along.
 */

import { z } from 'zod';
import { concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, toUtf8 } from '../bytes.ts';
import { canonicalJson, parseCanonicalJson } from '../canonical-json.ts';
import { attestBytes, type ProveStatement, proveBytes } from '../dut/statement.ts';
import { ImprintError, isImprintError } from '../errors.ts';
import { hardwareUidText } from '../hardware-uid.ts';
import { sha256Hex } from '../hash.ts';
import { limits } from '../limits.ts';
import type { VerifiedLeaf } from '../x509/leaf.ts';
import { publicKeySha256 } from '../x509/public-key.ts';
import { verifySignature } from '../x509/signature.ts';
import { verifyChain } from '../x509/verify-chain.ts';
import { type VerifierKey, verifyCheckpoint } from './checkpoint.ts';
import { type AuditEntry, decodeEntry, hash, type RealmName, realmName } from './entry.ts';
import { leafHash, verifyInclusion } from './merkle.ts';
import { type ReceiptSummary, summarize } from './receipt-summary.ts';

export const receiptFormat = 'imprint-receipt-v1';

/** What a receipt file holds, as canonical JSON (RFC 8785); a single newline may end the file. */
export const receipt = z.strictObject({
  format: z.literal(receiptFormat),
  realm: realmName,
  /** The exact bytes of the entry, as the log hashes them. */
  entry_b64: z.string().min(1),
  index: z.int().min(0),
  /** Sibling hashes from the leaf upward (RFC 9162 section 2.1.3). */
  inclusion_proof: z.array(hash).max(53),
  checkpoint: z.string().min(1).max(limits.noteBytes),
  /** DER: the device's certificate, then each certificate's issuer, without the root. */
  chain_b64: z
    .array(z.string().min(1))
    .min(2)
    .max(limits.chainCertificates - 1),
});
export type Receipt = z.infer<typeof receipt>;

/** An entry of type job.completed. */
export type CompletedEntry = Extract<AuditEntry, { type: 'job.completed' }>;

export interface ReceiptTrust {
  /** The realm's log; its origin is the key's name. */
  logKey: VerifierKey;
  /** The realm's pinned root, DER. */
  rootDer: Uint8Array;
  /** Where given, a receipt of another realm is refused before anything else. */
  expectedRealm?: RealmName;
}

/**
 * Verifies a receipt and says what it proves, and on whose word. It checks the log's signature on the checkpoint; that the
 * entry is in that log; that it completes a job; the certificate chain at the entry's time; that certificate, chain, key and
 * hardware are those of the entry, and that what was reported agrees with what the unit signed; and both statements, recomposed from the entry, under the unit's key. Revocation and what
 * happened to the device since are not in a receipt.
 *
 * @throws receipt_invalid (form, inclusion, contradictions: `context.item`), checkpoint_invalid or signature_wrong (the log's
 * signature), entry_invalid, certificate_refused (`context.reason`), proof_wrong (`context.statement`), realm_mismatch
 */
export function verifyReceipt(text: string, trust: ReceiptTrust): ReceiptSummary {
  const parsed = parseReceipt(text);
  if (trust.expectedRealm !== undefined && parsed.realm !== trust.expectedRealm) {
    throw new ImprintError(
      'realm_mismatch',
      `The receipt is of realm ${parsed.realm}, not ${trust.expectedRealm}.`,
      {
        hint: 'Verify it with the key and root of its own realm.',
        context: { realm: parsed.realm, expected: trust.expectedRealm },
      },
    );
  }
  const checkpoint = verifyCheckpoint(parsed.checkpoint, trust.logKey);
  const entryBytes = fromBase64(parsed.entry_b64, 'receipt_invalid');
  const proof = parsed.inclusion_proof.map((sibling) => fromHex(sibling));
  if (!verifyInclusion(parsed.index, checkpoint.size, leafHash(entryBytes), proof, checkpoint.root)) {
    throw invalid('inclusion_proof', 'The proof does not show that this entry is in the log.');
  }
  const entry = decodeEntry(entryBytes);
  if (entry.type !== 'job.completed')
    throw invalid('type', `An entry of type ${entry.type} completes no job.`);
  const leaf = verifyChain({
    chain: parsed.chain_b64.map((der) => fromBase64(der, 'receipt_invalid')),
    root: trust.rootDer,
    at: entry.at,
    realm: parsed.realm,
    purpose: 'device',
  });
  checkAgreement(entry, parsed, leaf, trust);
  checkStatements(entry, leaf);
  return summarize(entry, {
    index: parsed.index,
    treeSize: checkpoint.size,
    rootHash: toHex(checkpoint.root),
    origin: checkpoint.origin,
    notBefore: leaf.certificate.notBefore,
    notAfter: leaf.certificate.notAfter,
  });
}

/** The text of a receipt from its parts, none of which is verified here. */
export function writeReceipt(parts: {
  realm: RealmName;
  entry: Uint8Array;
  index: number;
  inclusionProof: readonly Uint8Array[];
  checkpoint: string;
  chain: readonly Uint8Array[];
}): string {
  const value: Receipt = {
    format: receiptFormat,
    realm: parts.realm,
    entry_b64: toBase64(parts.entry),
    index: parts.index,
    inclusion_proof: parts.inclusionProof.map(toHex),
    checkpoint: parts.checkpoint,
    chain_b64: parts.chain.map(toBase64),
  };
  return canonicalJson(value);
}

/** A receipt's fields, unverified; a field too many, missing or of another form is `receipt_invalid`, and so is more than `receiptBytes`. */
export function parseReceipt(text: string): Receipt {
  try {
    const body = text.endsWith('\n') ? text.slice(0, -1) : text;
    return receipt.parse(parseCanonicalJson(body, limits.receiptBytes));
  } catch (cause) {
    if (cause instanceof z.ZodError) {
      const issue = cause.issues[0]!;
      throw invalid(issue.path.join('.') || 'receipt', `The receipt is malformed: ${issue.message}.`, cause);
    }
    if (isImprintError(cause))
      throw invalid('receipt', 'The receipt is not canonical JSON under its cap.', cause);
    throw cause;
  }
}

/** What stands in several places must be the same in each: the entry, the certificate, what the device signed, what was reported. */
function checkAgreement(
  entry: CompletedEntry,
  parsed: Receipt,
  leaf: VerifiedLeaf,
  trust: ReceiptTrust,
): void {
  const { data } = entry;
  const { certificate } = leaf;
  const { read_back, seal, selftest, label } = data.reported;
  const { state } = data.attest;
  const rootSha256 = sha256Hex(trust.rootDer);
  const issuers = parsed.chain_b64.slice(1).map((der) => fromBase64(der, 'receipt_invalid'));
  const pairs: Record<string, [found: unknown, expected: unknown]> = {
    realm: [entry.realm, parsed.realm],
    station_id: [data.station_id, entry.actor.kind === 'station' ? entry.actor.id : undefined],
    log_id: [data.log_id, sha256Hex(trust.logKey.publicKey)],
    device_id: [data.device_id, leaf.id],
    certificate_sha256: [data.certificate_sha256, certificate.sha256],
    certificate_serial: [data.certificate_serial, certificate.serialHex],
    issuer_sha256: [data.issuer_sha256, sha256Hex(issuers[0]!)],
    key_type: [data.key_type, leaf.publicKey.type],
    public_key_sha256: [data.public_key_sha256, publicKeySha256(leaf.publicKey.spki)],
    'attest.state.trust_anchor_sha256': [state.trust_anchor_sha256, rootSha256],
    'reported.read_back.trust_anchor_sha256': [read_back.trust_anchor_sha256, rootSha256],
    'reported.read_back.factory_config_sha256': [
      read_back.factory_config_sha256,
      state.factory_config_sha256,
    ],
    'reported.read_back.certificate_sha256': [read_back.certificate_sha256, certificate.sha256],
    'reported.read_back.chain_sha256': [read_back.chain_sha256, sha256Hex(concatBytes(...issuers))],
    'reported.read_back.device_id': [read_back.device_id, leaf.id],
    'reported.seal.after.debug_lock': [seal.after.debug_lock, state.debug_lock],
    'reported.seal.after.boot_flags': [canonicalJson(seal.after.boot_flags), canonicalJson(state.boot_flags)],
    'reported.label.scanned_back': [label.scanned_back, leaf.id],
    'reported.selftest.passed': [selftest.passed, true],
  };
  for (const [item, [found, expected]] of Object.entries(pairs)) {
    if (found !== expected)
      throw invalid(item, `The receipt contradicts itself, or is of another log or root: ${item}.`);
  }
  if (data.prove.nonce === data.attest.nonce)
    throw invalid('attest.nonce', 'One nonce was used for two statements.');
  if (data.attest.attempt < data.prove.attempt)
    throw invalid('attest.attempt', 'The unit attested in an earlier attempt than it proved itself in.');
  const module = leaf.hardwareModule;
  if (module !== undefined && !equalBytes(module.serial, toUtf8(hardwareUidText(data.hardware_uid)))) {
    throw invalid('hardware_uid', "The certificate names other hardware than the entry's.");
  }
}

/** I-27: both statements are composed anew from the entry; nothing that was signed is taken from the receipt as bytes. */
function checkStatements({ realm, data }: CompletedEntry, leaf: VerifiedLeaf): void {
  const common = {
    realm,
    logId: data.log_id,
    jobId: data.job_id,
    deviceId: data.device_id,
    hardwareUid: data.hardware_uid,
    certificateSha256: data.certificate_sha256,
    contractSha256: data.contract_sha256,
  };
  const prove: ProveStatement = { ...common, attempt: data.prove.attempt, nonce: data.prove.nonce };
  const attest: ProveStatement = { ...common, attempt: data.attest.attempt, nonce: data.attest.nonce };
  checkSigned('prove', leaf, proveBytes(prove), data.prove.signature_b64);
  checkSigned('attest', leaf, attestBytes(attest, data.attest.state), data.attest.signature_b64);
}

function checkSigned(statement: string, leaf: VerifiedLeaf, bytes: Uint8Array, signature: string): void {
  if (verifySignature(leaf.publicKey, bytes, fromBase64(signature, 'receipt_invalid'))) return;
  throw new ImprintError(
    'proof_wrong',
    `The unit's key did not sign the ${statement} statement of this entry.`,
    {
      hint: 'Do not trust this receipt. If the log really holds this entry, tell whoever runs the authority.',
      context: { statement },
    },
  );
}

function invalid(item: string, message: string, cause?: unknown): ImprintError {
  return new ImprintError('receipt_invalid', message, {
    hint: 'Ask the authority for the receipt again (`imprint audit prove`); do not trust this one.',
    context: { item },
    ...(cause === undefined ? {} : { cause }),
  });
}
