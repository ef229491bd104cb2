/**
 * Replays a root's transcript with certificates alone: each line follows the one before, each file is the one that was recorded, each
 * certificate is the right answer to its request, each CRL and bundle is the root's and numbered upwards. It needs no key.
 */
import { type CaRequestFile, readCaRequest } from '@imprint/authority/trust/ca-request-file';
import { readRootCrl } from '@imprint/authority/trust/root-crl';
import type { BroughtRootCrl } from '@imprint/authority/trust/root-crls';
import type { StickFile, TranscriptLine } from '@imprint/authority/trust/transcript';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { verifyTrustBundle } from '@imprint/contract/trust-bundle';
import type { Certificate } from '@imprint/contract/x509/certificate';
import { verifyRoot } from '@imprint/contract/x509/verify-chain';
import { rootCertificate, rootFiles } from './root-keys.ts';
import { requireAnswer } from './sign-request.ts';
import { type Stick, stickFiles } from './stick.ts';

export interface CheckedStick {
  roots: { device: Certificate; station: Certificate };
  signed: { request: CaRequestFile; certificate: Certificate }[];
  /** Serials, hex, that a root's newest CRL has. */
  revoked: Set<string>;
  /** The newest CRL of each root that has signed one. */
  crls: BroughtRootCrl[];
  /** The newest bundle's text. */
  bundle: string | undefined;
  head: string;
}

/**
 * @param head the hash that people wrote down after the last act, where they have it
 * @throws ceremony_invalid, certificate_refused, bundle_invalid, realm_mismatch, file_invalid
 */
export function checkStick(stick: Stick, head?: string): CheckedStick {
  const { lines } = stick.transcript;
  if (head !== undefined && head.toLowerCase().replaceAll(/[\s:]/g, '') !== stick.transcript.head) {
    throw refuse(
      `its last line has the hash ${stick.transcript.head}, and another one was written down`,
      'Compare it with the protocol on paper: this is another stick, or it was changed, or something was done with the root since.',
    );
  }
  const created = lines.find(({ act }) => act === 'root.created')!;
  const { realm } = created;
  for (const line of lines) for (const file of [...line.in, ...line.out]) requireFile(stick, line, file);
  requireFiles(created, [rootFiles.device, rootFiles.station]);
  const rootOf = (branch: 'device' | 'station') =>
    verifyRoot({ root: rootCertificate(stick, branch), at: created.at, realm, branch });
  const checked: CheckedStick = {
    roots: { device: rootOf('device'), station: rootOf('station') },
    signed: [],
    revoked: new Set(),
    crls: [],
    bundle: undefined,
    head: stick.transcript.head,
  };
  const numbers = { bundle: 0, 'device-root': 0, 'station-root': 0 };
  const next = (line: TranscriptLine, of: keyof typeof numbers) => {
    if (line.number === null || line.number <= numbers[of])
      throw refuse(`line ${line.seq} numbers backwards`);
    numbers[of] = line.number;
    return line.number;
  };
  for (const line of lines) {
    if (line.act === 'ca.signed') checked.signed.push(checkSigned(stick, line));
    if (line.act === 'crl.issued') checkCrl(stick, line, checked, next);
    if (line.act === 'bundle.issued') {
      const version = next(line, 'bundle');
      requireFiles(line, [stickFiles.bundle(version)]);
      checked.bundle = stick.text(stickFiles.bundle(version), limits.bundleBytes);
      const found = verifyTrustBundle(checked.bundle, { root: checked.roots.device.der, realm });
      if (found.version !== version) throw refuse(`line ${line.seq} names another version than its bundle`);
    }
  }
  return checked;
}

function checkSigned(stick: Stick, line: TranscriptLine): CheckedStick['signed'][number] {
  const { subject } = line;
  requireFiles(line, [stickFiles.request(subject), stickFiles.issued(subject)]);
  const request = readCaRequest(stick.text(stickFiles.request(subject), limits.caRequestBytes));
  if (request.ca_id !== subject || request.realm !== line.realm) {
    throw refuse(`line ${line.seq} is of another request than its file`);
  }
  return { request, certificate: requireAnswer(stick, request, new Date(line.at)) };
}

function checkCrl(
  stick: Stick,
  line: TranscriptLine,
  checked: CheckedStick,
  next: (line: TranscriptLine, of: 'device-root' | 'station-root') => number,
): void {
  const branch = line.subject === 'device-root' ? 'device' : 'station';
  const number = next(line, `${branch}-root`);
  const file = stickFiles.crl(branch, number);
  requireFiles(line, [file]);
  const der = stick.bytes(file, limits.rootCrlBytes);
  const crl = readRootCrl(der, checked.roots[branch]);
  if (crl.number !== number) throw refuse(`line ${line.seq} names another number than its CRL`);
  for (const { serial } of crl.revoked) checked.revoked.add(serial);
  checked.crls = [...checked.crls.filter((one) => one.branch !== branch), { branch, der }];
}

function requireFile(stick: Stick, line: TranscriptLine, { file, sha256 }: StickFile): void {
  if (!stick.has(file)) {
    throw refuse(
      `${file} is missing, which line ${line.seq} names`,
      'Copy the whole stick, with all of its folders.',
    );
  }
  if (sha256Hex(stick.bytes(file, limits.transcriptBytes)) === sha256) return;
  throw refuse(`${file} is not the file that line ${line.seq} names`);
}

/** A line says all that belongs to its act, and nothing else. */
function requireFiles(line: TranscriptLine, files: readonly string[]): void {
  const named = [...line.in, ...line.out].map(({ file }) => file);
  if (named.join() !== files.join()) throw refuse(`line ${line.seq} names other files than its act has`);
}

function refuse(
  what: string,
  hint = 'Do not use this stick. Compare it with the copy in the other safe.',
): ImprintError {
  return new ImprintError('ceremony_invalid', `The stick does not hold: ${what}.`, { hint });
}
