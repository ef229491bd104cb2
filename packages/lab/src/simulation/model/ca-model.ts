/**
 * The CAs as the log has them: each stands under the pinned root (I-9), one that is retired certifies nobody any more, and numbers of CRLs
 * go up (I-17).
 */
import { X509Certificate } from 'node:crypto';
import { sha256 } from './certificate-bytes.ts';
import type { LoggedEntry } from './log-model.ts';
import type { Violations } from './violation.ts';

export interface LoggedCa {
  id: string;
  certificate: X509Certificate;
  isRetired: boolean;
}

export class CaModel {
  /** By the SHA-256 of the certificate. */
  readonly installed = new Map<string, LoggedCa>();
  /** TBS of responders' certificates that were intended. */
  readonly responders = new Set<string>();
  /** SHA-256 of CRLs that were published. */
  readonly published = new Set<string>();
  readonly #violations: Violations;
  readonly #numbers = new Map<string, number>();
  #roots: readonly X509Certificate[] = [];

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** What devices and stations pin, DER. */
  begin(roots: readonly Uint8Array[]): void {
    this.#roots = roots.map((der) => new X509Certificate(der));
  }

  take({ type, data }: LoggedEntry): void {
    switch (type) {
      case 'ca.installed':
        this.#install(data);
        break;
      case 'ca.retired':
        for (const ca of this.installed.values()) if (ca.id === data.ca_id) ca.isRetired = true;
        break;
      case 'credential.intended':
        this.#certifies(data.issuer_sha256, data.device_id);
        break;
      case 'responder.intended':
        this.responders.add(data.tbs_sha256);
        break;
      case 'crl.published':
        this.#published(data);
        break;
    }
  }

  #install({ ca_id: id, certificate_b64 }: { ca_id: string; certificate_b64: string }): void {
    const der = Buffer.from(certificate_b64, 'base64');
    const certificate = new X509Certificate(der);
    this.#violations.unless(
      certificate.ca && this.#roots.some((root) => certificate.verify(root.publicKey)),
      'I-9',
      () => `${id} is installed, and no root has signed it`,
    );
    this.installed.set(sha256(der), { id, certificate, isRetired: false });
  }

  #certifies(issuerSha256: string, deviceId: string): void {
    const ca = this.installed.get(issuerSha256);
    this.#violations.unless(
      ca?.isRetired === false,
      'I-9',
      () =>
        `${deviceId} is certified under ${ca?.id ?? issuerSha256}, which ${ca ? 'is retired' : 'nobody installed'}`,
    );
  }

  #published({ issuer_sha256, partition, number, crl_sha256 }: Record<string, string | number>): void {
    this.published.add(crl_sha256 as string);
    const name = `${issuer_sha256} ${partition}`;
    const before = this.#numbers.get(name) ?? 0;
    this.#violations.unless(
      (number as number) > before,
      'I-17',
      () => `CRL ${number} of partition ${partition} is published after ${before}`,
    );
    this.#numbers.set(name, number as number);
  }
}
