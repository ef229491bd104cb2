/**
 * A manifest and the certificate files beside it, read under caps. A path in a manifest is foreign text: what it names must
 * be an ordinary file inside the manifest's own folder, links included.
 */
import { X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { fromUtf8 } from '@imprint/contract/bytes';
import { ImprintError } from '@imprint/contract/errors';
import type { Finding } from '@imprint/contract/finding';
import { type JobManifest, lintManifest, parseJobManifest } from '@imprint/contract/job-manifest';
import { limits } from '@imprint/contract/limits';
import { fromPem } from '@imprint/contract/x509/pem';

export interface JobFiles {
  manifest: JobManifest;
  warnings: Finding[];
  deviceCertPem: string;
  chainPem: string;
  leaf: X509Certificate;
  /** As the manifest names them, the leaf's issuer first. */
  chain: X509Certificate[];
}

/**
 * Reads all of it and checks what can be checked before a unit is touched: the leaf is for the manifest's ID and key type,
 * and each certificate is signed by the next, up to a self-signed root where the chain has one.
 * @throws manifest_invalid, path_refused, file_invalid, certificate_refused
 */
export function readJobFiles(manifestPath: string): JobFiles {
  const text = fromUtf8(readOrdinary(manifestPath, limits.yamlBytes), 'manifest_invalid');
  const { manifest, source } = parseJobManifest(text, basename(manifestPath));
  const { warnings } = lintManifest(manifest, source);
  const folder = realpathSync(dirname(manifestPath));
  const { device_cert, chain } = manifest.security.certs;
  const [leaf, ...surplus] = readCertificates(folder, device_cert);
  if (surplus.length > 0)
    throw new ImprintError('file_invalid', `${device_cert} holds more than one certificate`);
  const issuers = chain.flatMap((file) => readCertificates(folder, file));
  checkLeaf(manifest, leaf!);
  checkChain(leaf!, issuers);
  return {
    manifest,
    warnings,
    deviceCertPem: leaf!.toString(),
    chainPem: issuers.map((certificate) => certificate.toString()).join(''),
    leaf: leaf!,
    chain: issuers,
  };
}

function readCertificates(folder: string, path: string): X509Certificate[] {
  const full = join(folder, path);
  let real: string;
  try {
    real = realpathSync(full);
  } catch (cause) {
    throw new ImprintError('file_invalid', `${path} is not there`, {
      hint: 'Put the certificate files beside the manifest.',
      cause,
    });
  }
  if (!real.startsWith(folder + sep)) {
    throw new ImprintError('path_refused', `${path} leads out of the folder of the manifest`, {
      hint: 'Put the file itself beside the manifest, not a link to another place.',
    });
  }
  const pem = fromUtf8(
    readOrdinary(real, limits.certificateBytes * 2 * limits.chainCertificates),
    'file_invalid',
  );
  return fromPem('CERTIFICATE', pem).map((der) => {
    try {
      return new X509Certificate(der);
    } catch (cause) {
      throw new ImprintError('certificate_refused', `${path} holds something that is no certificate`, {
        cause,
      });
    }
  });
}

/** At most `maxBytes` of an ordinary file: no device, pipe or folder, and nothing that changed into a link meanwhile. */
function readOrdinary(path: string, maxBytes: number): Uint8Array {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = fstatSync(file);
    if (!fstatSync(file).isFile()) throw new TypeError('it is no ordinary file');
    if (size > maxBytes) throw new RangeError(`it is longer than ${maxBytes} bytes`);
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    throw new ImprintError('file_invalid', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function checkLeaf({ device, security }: JobManifest, leaf: X509Certificate): void {
  const refuse = (message: string) => {
    throw new ImprintError('certificate_refused', message, {
      hint: 'Check which certificate belongs to this unit.',
    });
  };
  // One attribute a line: the ID must be one of them whole, and no part of another.
  const names = leaf.subject.split('\n').map((line) => line.replace(/^(CN|serialNumber)=/, ''));
  const altNames = (leaf.subjectAltName ?? '').split(', ').map((name) => name.replace(/^[^:]+:/, ''));
  if (
    !names.includes(device.device_id) &&
    !altNames.some((name) => name === device.device_id || name.endsWith(`:${device.device_id}`))
  ) {
    refuse(`the certificate does not name ${device.device_id}`);
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey;
  const found =
    asymmetricKeyType === 'ec'
      ? { prime256v1: 'ec-p256', secp384r1: 'ec-p384' }[asymmetricKeyDetails?.namedCurve ?? '']
      : asymmetricKeyType;
  if (found !== security.key_type)
    refuse(
      `the certificate is for a key of type ${found ?? 'unknown'}, the manifest names ${security.key_type}`,
    );
}

function checkChain(leaf: X509Certificate, issuers: X509Certificate[]): void {
  const path = [leaf, ...issuers];
  for (const [at, certificate] of path.entries()) {
    const issuer = path[at + 1] ?? (certificate.subject === certificate.issuer ? certificate : undefined);
    if (issuer === undefined) return;
    if (at > 0 && !certificate.ca) throw unsigned(`${at} of the chain is no CA certificate`);
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      throw unsigned(
        at === 0
          ? 'the device certificate was not signed by the first of the chain'
          : `certificate ${at} of the chain was not signed by the next`,
      );
    }
  }
}

function unsigned(message: string): ImprintError {
  return new ImprintError('certificate_refused', message, {
    hint: 'List the chain in order: the issuer first, the root last.',
  });
}
