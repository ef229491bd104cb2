/** Certificates for tests of the unit, made by `@peculiar/x509`: root, intermediate and leaves with a device ID. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  PublicKey,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { sha256Hex } from './key-slot.ts';

cryptoProvider.set(webcrypto as unknown as Crypto);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dates = { notBefore: new Date('2026-01-01'), notAfter: new Date('2046-01-01') };

export interface TestRealm {
  rootPem: string;
  rootSha256: string;
  chainPem: string;
  intermediatePem: string;
  /** A leaf over the key (SubjectPublicKeyInfo, DER) whose subject's serialNumber is the device ID. */
  leaf(deviceId: string, spki: Uint8Array): Promise<string>;
  /** The same, issued by a certificate of this realm that is no CA's; with the chain that leads there. */
  leafOfNoCa(deviceId: string, spki: Uint8Array): Promise<{ leaf: string; chainPem: string }>;
}

export async function makeTestRealm(name: string): Promise<TestRealm> {
  const root = await generate();
  const rootCertificate = await certify(`CN=${name} root`, root.publicKey, `CN=${name} root`, root, true);
  const intermediate = await generate();
  const intermediateCertificate = await certify(
    `CN=${name} factory`,
    intermediate.publicKey,
    rootCertificate.subject,
    root,
    true,
  );
  const pem = (certificate: X509Certificate) => `${certificate.toString('pem')}\n`;
  const chainPem = pem(intermediateCertificate) + pem(rootCertificate);
  return {
    rootPem: pem(rootCertificate),
    rootSha256: sha256Hex(new Uint8Array(rootCertificate.rawData)),
    intermediatePem: pem(intermediateCertificate),
    chainPem,
    leaf: async (deviceId, spki) =>
      pem(await leafOf(deviceId, spki, intermediateCertificate.subject, intermediate)),
    leafOfNoCa: async (deviceId, spki) => {
      const device = await generate();
      const subject = `CN=${name} device`;
      const issuer = await certify(
        subject,
        device.publicKey,
        intermediateCertificate.subject,
        intermediate,
        false,
      );
      return {
        leaf: pem(await leafOf(deviceId, spki, issuer.subject, device)),
        chainPem: pem(issuer) + chainPem,
      };
    },
  };
}

function leafOf(deviceId: string, spki: Uint8Array, issuer: string, issuerKey: webcrypto.CryptoKeyPair) {
  const subject = `2.5.4.5=${deviceId}, CN=${deviceId}`;
  return certify(subject, new PublicKey(new Uint8Array(spki)), issuer, issuerKey, false);
}

function generate(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

async function certify(
  subject: string,
  publicKey: PublicKey | CryptoKey,
  issuer: string,
  issuerKey: webcrypto.CryptoKeyPair,
  isCa: boolean,
): Promise<X509Certificate> {
  return X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject,
    issuer,
    ...dates,
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: issuerKey.privateKey,
    extensions: [new BasicConstraintsExtension(isCa, undefined, true)],
  });
}
