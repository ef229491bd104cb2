/**
 * I-17, as a client sees it who keeps to the times in what it is given: once the bound has passed after a revocation, no CRL and no OCSP
 * answer that it believes leaves the certificate out. The log says what was revoked, and the factory's own time when.
 */
import type { FetchedCrls } from '../authority-revocation.ts';
import { visibleWithinMinutes } from '../products.ts';
import { beginning, type World } from '../world.ts';
import type { CaModel } from './ca-model.ts';
import { sha256 } from './certificate-bytes.ts';
import type { LoggedCredential, LogModel } from './log-model.ts';
import { isCrlTbs, numberOfCrl, type ReadCrl, readCrl, readOcsp, scopeOfCrl } from './told-revocation.ts';
import type { Violations } from './violation.ts';

const boundMs = visibleWithinMinutes * 60_000;
/** What a client grants a clock that is ahead of its own. */
const aheadMs = 60_000;

type LogOfCredentials = Pick<LogModel, 'pull' | 'credentials' | 'bySerial'>;

export class RevocationModel {
  readonly #world: Pick<World, 'nowMs'>;
  readonly #log: LogOfCredentials;
  readonly #cas: CaModel;
  readonly #violations: Violations;
  /** By CA and number: what was signed. */
  readonly #signed = new Map<string, string>();
  readonly #read = new Map<string, ReadCrl>();

  constructor(world: Pick<World, 'nowMs'>, log: LogOfCredentials, cas: CaModel, violations: Violations) {
    this.#world = world;
    this.#log = log;
    this.#cas = cas;
    this.#violations = violations;
  }

  /** True where these bytes are a CRL's, or a responder's certificate that was intended. */
  takes(tbs: Uint8Array): boolean {
    const hash = sha256(tbs);
    if (!isCrlTbs(tbs)) return this.#cas.responders.has(hash);
    // issuer and distribution point stand in the bytes: of two lists under one number they are the same, and the rest is not
    const name = `${numberOfCrl(tbs)} ${scopeOfCrl(tbs)}`;
    const before = this.#signed.get(name);
    this.#violations.unless(
      before === undefined || before === hash,
      'I-17',
      () => `two CRLs have the number ${numberOfCrl(tbs)}`,
    );
    this.#signed.set(name, hash);
    return true;
  }

  /** All CRLs of the CAs for devices, as a client has just fetched them. `must`: each has to be there, and believed. */
  fetched(crls: readonly FetchedCrls[], must: boolean): void {
    this.#log.pull();
    const nowMs = beginning + this.#world.nowMs;
    for (const { issuerSha256, lists } of crls) {
      const ca = this.#cas.installed.get(issuerSha256)!;
      const believed: ReadCrl[] = [];
      for (const [partition, der] of lists.entries()) {
        const crl = der && this.#readOnce(der, issuerSha256);
        const isBelieved = crl !== undefined && isWithin(crl, nowMs);
        if (isBelieved) believed.push(crl);
        this.#violations.unless(
          isBelieved || !must,
          'I-17',
          () => `${ca.id} has no CRL ${partition} that holds now: ${crl ? spanOf(crl) : 'none at all'}`,
        );
      }
      for (const credential of this.#log.credentials.values()) {
        if (credential.issuerSha256 !== issuerSha256) continue;
        this.#onLists(ca.id, credential, believed, believed.length === lists.length);
      }
    }
  }

  #onLists(caId: string, credential: LoggedCredential, crls: readonly ReadCrl[], isWhole: boolean): void {
    const { serial, status } = credential;
    const isListed = crls.some(({ serials }) => serials.has(withoutSign(serial)));
    this.#violations.unless(
      !isListed || status === 'revoked',
      'I-17',
      () => `${serial} is on a CRL of ${caId}, and it is ${status}`,
    );
    this.#violations.unless(
      isListed || !isWhole || !this.#isDue(credential),
      'I-17',
      () => `${serial} was revoked at ${credential.revokedAtMs! / 1000} s, and is on no CRL of ${caId}`,
    );
  }

  /** An answer to a question about one serial of a CA. `must`: it has to be one that is believed. */
  answered(response: Uint8Array, issuerSha256: string, serial: string, must: boolean): void {
    this.#log.pull();
    const { id, certificate } = this.#cas.installed.get(issuerSha256)!;
    const read = readOcsp(response, certificate.publicKey);
    const nowMs = beginning + this.#world.nowMs;
    if (read.error !== 0) {
      this.#violations.unless(
        !must,
        'I-17',
        () => `OCSP of ${id} answers ${serial} with error ${read.error}`,
      );
      return;
    }
    this.#violations.unless(
      read.isSigned === true && read.serial === withoutSign(serial),
      'I-17',
      () => `OCSP of ${id} answers ${serial} about ${read.serial}, signed: ${read.isSigned}`,
    );
    if (!isWithin(read as Required<typeof read>, nowMs)) {
      this.#violations.unless(!must, 'I-17', () => `OCSP of ${id} answers ${serial} with what is over`);
      return;
    }
    const credential = this.#log.bySerial(serial);
    const [isReleased, isRevoked] = [credential?.certificate !== undefined, credential?.status === 'revoked'];
    const isDue = credential !== undefined && this.#isDue(credential);
    const isRight =
      (read.status === 'good' && isReleased && !isDue) ||
      (read.status === 'revoked' && isRevoked) ||
      (read.status === 'unknown' && !isReleased && !isDue);
    this.#violations.unless(
      isRight,
      'I-17',
      () => `OCSP of ${id} says ${read.status} of ${serial}, which is ${credential?.status ?? 'nobody’s'}`,
    );
  }

  #isDue({ revokedAtMs }: LoggedCredential): boolean {
    return revokedAtMs !== undefined && this.#world.nowMs >= revokedAtMs + boundMs;
  }

  /** Bytes that were read are the same CRL for ever, and what the log says was published. */
  #readOnce(der: Uint8Array, issuerSha256: string): ReadCrl {
    const hash = sha256(der);
    const known = this.#read.get(hash);
    if (known !== undefined) return known;
    const { id, certificate } = this.#cas.installed.get(issuerSha256)!;
    const crl = readCrl(der, certificate.publicKey);
    this.#violations.unless(
      crl.isSigned && this.#cas.published.has(hash),
      'I-17',
      () => `CRL ${crl.number} of ${id} is served, signed: ${crl.isSigned}, and the log has no such bytes`,
    );
    this.#read.set(hash, crl);
    return crl;
  }
}

function isWithin(told: { thisUpdateMs: number; nextUpdateMs: number }, nowMs: number): boolean {
  return told.thisUpdateMs - aheadMs <= nowMs && nowMs < told.nextUpdateMs;
}

function spanOf({ thisUpdateMs, nextUpdateMs }: ReadCrl): string {
  return `from ${new Date(thisUpdateMs).toISOString()} to ${new Date(nextUpdateMs).toISOString()}`;
}

function withoutSign(serial: string): string {
  return serial.replace(/^(00)+/, '');
}
