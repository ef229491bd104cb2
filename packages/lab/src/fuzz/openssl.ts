/** OpenSSL's own verdicts: by Node's binding for single certificates, by the command of the Debian package `openssl` for requests and chains. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImprintError } from '@imprint/contract/errors';
import { fromPem, toPem } from '@imprint/contract/x509/pem';
import { realmPolicyOid } from '@imprint/contract/x509/realm';

export type OpensslVerdict<Facts> = { accepts: true; facts: Facts } | { accepts: false; says: string };

export interface CertificateFacts {
  serialHex: string;
  notBefore: string;
  notAfter: string;
  isCa: boolean;
  /** SubjectPublicKeyInfo, DER, hex. */
  spki: string;
  /** Object identifiers of the extended key usage. */
  purposes: string[];
}

/** Whether OpenSSL reads the certificate with its key, and what it finds in it. */
export function readByOpenssl(der: Uint8Array): OpensslVerdict<CertificateFacts> {
  try {
    const certificate = new X509Certificate(der);
    return {
      accepts: true,
      facts: {
        serialHex: certificate.serialNumber.toLowerCase(),
        notBefore: new Date(certificate.validFrom).toISOString(),
        notAfter: new Date(certificate.validTo).toISOString(),
        isCa: certificate.ca,
        spki: certificate.publicKey.export({ format: 'der', type: 'spki' }).toString('hex'),
        purposes: certificate.keyUsage ?? [],
      },
    };
  } catch (error) {
    return { accepts: false, says: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether `openssl req -verify` takes the request, and the key (DER, hex) that it then prints. */
export function verifyRequestByOpenssl(der: Uint8Array): OpensslVerdict<{ spki: string }> {
  const { status, stdout, stderr } = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-pubkey'], der);
  if (status !== 0 || !/verify OK/i.test(stderr)) return { accepts: false, says: stderr };
  return { accepts: true, facts: { spki: Buffer.from(fromPem('PUBLIC KEY', stdout)[0]!).toString('hex') } };
}

/** Reads OCSP requests, which the command takes from a file alone. */
export class OpensslOcspRequests {
  readonly #folder = mkdtempSync(join(tmpdir(), 'imprint-fuzz-'));

  /** Whether `openssl ocsp` reads the request, and the serials and the nonce that it then prints, hex. */
  read(der: Uint8Array): OpensslVerdict<{ serials: string[]; nonce: string | undefined }> {
    const file = join(this.#folder, 'request.der');
    writeFileSync(file, der);
    const { status, stdout, stderr } = openssl(['ocsp', '-reqin', file, '-req_text']);
    if (status !== 0) return { accepts: false, says: stderr };
    const serials = [...stdout.matchAll(/Serial Number: (-?[0-9A-F]+)/g)].map(([, hex]) => hex!);
    // an OCTET STRING inside the extension's own: its header is not the nonce
    // and a long one is folded with backslashes
    const dump = /OCSP Nonce: (?:critical)?\s*\n\s*((?:[0-9A-F]+\\?\n?)+)/
      .exec(stdout)?.[1]
      ?.replaceAll(/[\s\\]/g, '')
      .toLowerCase();
    return { accepts: true, facts: { serials, nonce: dump === undefined ? undefined : withoutHeader(dump) } };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function withoutHeader(hex: string): string {
  return hex.slice(hex.startsWith('0481') ? 6 : 4);
}

/** Verifies chains over files in a folder of its own. */
export class OpensslChains {
  readonly #folder = mkdtempSync(join(tmpdir(), 'imprint-fuzz-'));

  /** Whether `openssl verify` takes the leaf under the root, at its strictest, with the realm's policy required. */
  verify(chain: readonly Uint8Array[], root: Uint8Array, at: string): OpensslVerdict<object> {
    const [leaf, ...issuers] = chain.map((der, position) => this.#write(`${position}.pem`, [der]));
    const between = issuers.flatMap((file) => ['-untrusted', file]);
    const { status, stderr } = openssl([
      ...['verify', '-x509_strict', '-auth_level', '2', '-no-CApath', '-no-CAstore', '-purpose', 'sslclient'],
      ...['-policy', realmPolicyOid('dev'), '-explicit_policy', '-attime', String(Date.parse(at) / 1000)],
      ...['-CAfile', this.#write('root.pem', [root]), ...between, leaf ?? this.#write('0.pem', [])],
    ]);
    return status === 0 ? { accepts: true, facts: {} } : { accepts: false, says: stderr };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(name: string, certificates: readonly Uint8Array[]): string {
    const file = join(this.#folder, name);
    writeFileSync(file, certificates.map((der) => toPem('CERTIFICATE', der)).join(''));
    return file;
  }
}

function openssl(args: string[], input?: Uint8Array) {
  const result = spawnSync('openssl', args, { encoding: 'utf8', ...(input === undefined ? {} : { input }) });
  if (result.error !== undefined) {
    throw new ImprintError('tool_missing', 'The command openssl does not run, and it judges beside us.', {
      hint: 'Install the Debian package openssl.',
      cause: result.error,
    });
  }
  return result;
}
