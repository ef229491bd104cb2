/** For tests: OCSP requests in every form, and the openssl command as a client and judge of a responder that listens. */
import { spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '@imprint/contract/bytes';
import {
  derExplicit,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
} from '@imprint/contract/x509/der-writer';
import { oid } from '@imprint/contract/x509/oid';
import type { Issuer } from '../issuing/issuer.ts';
import { ContractShelf } from '../registry/contract-shelf.ts';
import { makeKey, softwareSigner } from '../signer/software.ts';
import { pem } from '../trust/hierarchy.test-kit.ts';
import type { CertIdHash } from './ocsp-request.ts';
import { OcspResponder, type ResponderCore } from './ocsp-responder.ts';
import type { TestRegistry } from './registry.test-kit.ts';

const hashOids = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' };

export function certId(
  issuer: Issuer,
  serial: string,
  type: CertIdHash = 'sha1',
  parameters = derNull,
): Uint8Array {
  const { subject, publicKey } = issuer.certificate;
  return derSequence(
    derSequence(derOid(hashOids[type]), parameters),
    derOctetString(hash(type, subject.der, 'buffer')),
    derOctetString(hash(type, publicKey.raw, 'buffer')),
    derInteger(fromHex(serial)),
  );
}

export const nonceExtension = (octets: Uint8Array): Uint8Array =>
  derSequence(derOid(oid.ocspNonce), derOctetString(derOctetString(octets)));

/** A request about CertIDs, with request extensions. */
export function ocspRequest(
  certIds: readonly Uint8Array[],
  extensions: readonly Uint8Array[] = [],
): Uint8Array {
  return derSequence(
    derSequence(
      derSequence(...certIds.map((id) => derSequence(id))),
      ...(extensions.length === 0 ? [] : [derExplicit(2, derSequence(...extensions))]),
    ),
  );
}

/** A process's responder over a registry, before its first round. */
export function newResponder(
  { ledger, clock, issuer }: TestRegistry,
  changes: Partial<ResponderCore> = {},
): OcspResponder {
  return new OcspResponder({
    ledger,
    contracts: new ContractShelf(),
    clock,
    clockGuard: { requireSteady: () => undefined },
    entropy: (length) => new Uint8Array(randomBytes(length)),
    organization: 'Example Devices',
    processId: 'a-1',
    newSigner: () => softwareSigner(makeKey('ec-p256')),
    issuers: async () => [issuer],
    report: () => undefined,
    ...changes,
  });
}

/** One that has done its first round, and what it reported since. */
export async function openResponder(
  registry: TestRegistry,
  changes: Partial<ResponderCore> = {},
): Promise<{ responder: OcspResponder; faults: unknown[] }> {
  const faults: unknown[] = [];
  const responder = newResponder(registry, { report: (fault) => faults.push(fault), ...changes });
  await responder.round();
  return { responder, faults };
}

/**
 * What `openssl ocsp` says of certificates: each certificate's line, with `Response verify OK` where the answer's signature, its responder
 * and its nonce are right. The registry's clock is not the machine's, so its times are taken with a wide margin.
 */
export async function opensslOcsp(
  { realm, clock }: Pick<TestRegistry, 'realm' | 'clock'>,
  certificates: readonly Uint8Array[],
  at: { url: string } | { response: Uint8Array },
  ...options: string[]
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'imprint-ocsp-'));
  try {
    writeFileSync(join(folder, 'root.pem'), pem(realm.hierarchy.certificates.root));
    writeFileSync(join(folder, 'issuing.pem'), pem(realm.hierarchy.certificates.issuing));
    for (const [index, certificate] of certificates.entries()) {
      writeFileSync(join(folder, `${index}.pem`), pem(certificate));
    }
    if ('response' in at) writeFileSync(join(folder, 'response.der'), at.response);
    const where = 'url' in at ? ['-url', at.url] : ['-no_nonce', '-respin', 'response.der'];
    return await run(folder, [
      ...['ocsp', '-issuer', 'issuing.pem', '-CAfile', 'root.pem', '-verify_other', 'issuing.pem'],
      ...['-validity_period', '1000000000', '-attime', String(Math.floor(clock().getTime() / 1000))],
      ...options,
      ...certificates.flatMap((_, index) => ['-cert', `${index}.pem`]),
      ...where,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Not at once, since the listener that it asks is in this process. */
function run(cwd: string, arguments_: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', arguments_, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const [said, shown]: [Buffer[], Buffer[]] = [[], []];
    child.stderr.on('data', (bytes) => said.push(bytes));
    child.stdout.on('data', (bytes) => shown.push(bytes));
    child.on('error', reject);
    // the verdict first, whichever stream was the faster
    child.on('close', () => resolve(String(Buffer.concat([...said, ...shown]))));
  });
}
