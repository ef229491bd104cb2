/**
 * Answers OCSP for the devices' CAs. An answer is signed when it is first asked for and given again until half of its life is over; a nonce
 * or several certificates have one signed for this request alone. It assumes that anybody asks, as fast as it can.
 *
 * No answer outlives the contracts' bound after the moment at which it was true (visibility.ts). So one that another process's revocation
 * has made wrong is believed no longer than the bound, even where this process never hears of it; and it hears of it within a poll.
 */
import { hash } from 'node:crypto';
import type { Issuer } from '../issuing/issuer.ts';
import type { ContractShelf } from '../registry/contract-shelf.ts';
import type { Clock } from '../surroundings.ts';
import { certificateStatus } from './certificate-status.ts';
import { type CertifyCore, certifyResponder } from './certify-responder.ts';
import { type KeptAnswer, OcspAnswers } from './ocsp-answers.ts';
import { type CertId, type CertIdHash, type OcspRequest, readOcspRequest } from './ocsp-request.ts';
import { type OcspIdentity, ocspErrors, type SingleAnswer, signOcspResponse } from './ocsp-response.ts';
import { revocationsSince } from './revocations-since.ts';
import { tightestVisibility, type Visibility } from './visibility.ts';

export interface ResponderCore extends CertifyCore {
  contracts: ContractShelf;
  clock: Clock;
  /** For whose certificates it answers, as it is now: a CA may be added while a process runs. */
  issuers: () => Promise<readonly Issuer[]>;
  /** Hears of faults that have a request answered with an error. */
  report: (error: unknown) => void;
}

export interface OcspAnswer {
  /** OCSPResponse, DER. */
  response: Buffer;
  /** What caches may know of it; absent, none may keep it. */
  kept?: Pick<KeptAnswer, 'nextUpdateMs' | 'thisUpdateMs' | 'etag' | 'lastModified' | 'expires'>;
}

/** The key that is certified for a CA, which hashes name it, and when another one takes its place. */
interface Answering {
  issuer: Issuer;
  identity: OcspIdentity | undefined;
  /** What could not be certified is not tried with every poll: each time is an intent in the log. */
  notBeforeMs: number;
}

const certifyAgainMs = 60_000;

const error = (which: keyof typeof ocspErrors): OcspAnswer => ({ response: ocspErrors[which] });

export class OcspResponder {
  readonly #core: ResponderCore;
  /** By hash, hash of the CA's name and hash of its key. */
  readonly #answering = new Map<string, Answering>();
  readonly #answers = new OcspAnswers();
  #visibility: Visibility | undefined;
  /** The first entry of the log whose revocation was not heard of; undefined before the first round. */
  #next: number | undefined;
  /** Goes up with every revocation that is heard of: what was read before it may be wrong. */
  #heard = 0;
  /** The fault that stands in the way of signing, and was reported. */
  #reported: string | undefined;

  constructor(core: ResponderCore) {
    this.#core = core;
  }

  /**
   * Hears of what was revoked since the last round, and has a key certified for each CA that has none, or whose certificate is in the second
   * half of its life. Before the first round every request is answered with `tryLater`.
   */
  async round(): Promise<void> {
    const { ledger, contracts, clock } = this.#core;
    const visibility = await tightestVisibility(ledger.reader, contracts);
    // a contract that came since asks for less
    if (visibility.validityMs < (this.#visibility?.validityMs ?? 0)) this.#answers.dropAll();
    this.#visibility = visibility;
    await this.#hearOfRevocations();
    await this.#hearOfIssuers();
    for (const answering of new Set(this.#answering.values())) {
      const { issuer, identity } = answering;
      const nowMs = clock().getTime();
      if (nowMs < answering.notBeforeMs || (identity !== undefined && nowMs < middleOf(identity))) continue;
      answering.notBeforeMs = nowMs + certifyAgainMs;
      answering.identity = await certifyResponder(this.#core, issuer);
      this.#answers.dropAll();
    }
  }

  /**
   * The answer to a request (DER). `admits` is asked before something is read and signed for it, and may refuse: then it is `tryLater`, which
   * is also the answer while the clock or the database cannot be trusted and nothing valid is kept.
   */
  answer(der: Uint8Array, admits: () => boolean): OcspAnswer | Promise<OcspAnswer> {
    const now = this.#core.clock();
    const asked = this.#answers.asked(der);
    const kept = asked === undefined ? undefined : this.#answers.get(asked);
    // given at once: this is what a listener does most
    if (kept !== undefined && now.getTime() < kept.freshUntilMs && isWithin(kept, now)) {
      return { response: kept.response, kept };
    }
    return this.#answerRead(der, now, admits);
  }

  async #answerRead(der: Uint8Array, now: Date, admits: () => boolean): Promise<OcspAnswer> {
    let request: OcspRequest;
    try {
      request = readOcspRequest(der);
    } catch {
      return error('malformedRequest');
    }
    const { certificates, nonce } = request;
    const [first] = certificates;
    const answering = this.#answeringFor(first!);
    // one signature covers the whole answer, so all of it is of one CA
    if (answering === undefined || certificates.some((one) => this.#answeringFor(one) !== answering)) {
      return error('unauthorized');
    }
    const isAlone = certificates.length === 1 && nonce === undefined;
    const kept = isAlone ? this.#answers.get(first!) : undefined;
    const given = kept !== undefined && isWithin(kept, now) ? { response: kept.response, kept } : undefined;
    if (given !== undefined && now.getTime() < given.kept.freshUntilMs) {
      this.#answers.keep(der, first!, given.kept);
      return given;
    }
    try {
      if (admits()) {
        const signed = await this.#sign(answering, der, request, now);
        this.#reported = undefined;
        return signed;
      }
    } catch (fault) {
      this.#reportOnce(fault);
    }
    return given ?? error('tryLater');
  }

  /** Strangers meet a fault as often as they like; it is reported when it begins. */
  #reportOnce(fault: unknown): void {
    if (String(fault) !== this.#reported) this.#core.report(fault);
    this.#reported = String(fault);
  }

  async #hearOfIssuers(): Promise<void> {
    for (const issuer of await this.#core.issuers()) {
      if (this.#answering.has(nameOf(issuer, 'sha1'))) continue;
      const answering: Answering = { issuer, identity: undefined, notBeforeMs: 0 };
      for (const type of ['sha1', 'sha256'] as const) this.#answering.set(nameOf(issuer, type), answering);
    }
  }

  #answeringFor({ hash: type, issuerNameHash, issuerKeyHash }: CertId): Answering | undefined {
    return this.#answering.get(`${type} ${issuerNameHash} ${issuerKeyHash}`);
  }

  async #sign(
    { issuer, identity }: Answering,
    request: Uint8Array,
    { certificates, nonce }: OcspRequest,
    now: Date,
  ): Promise<OcspAnswer> {
    const visibility = this.#visibility;
    if (identity === undefined || visibility === undefined) return error('tryLater');
    if (Date.parse(identity.notAfter) <= now.getTime()) return error('tryLater');
    this.#core.clockGuard.requireSteady(now);
    const heard = this.#heard;
    // the moment before the registry is read is the last one of which the answer is surely true
    const thisUpdate = now.toISOString();
    const endMs = Math.min(now.getTime() + visibility.validityMs, Date.parse(identity.notAfter));
    const nextUpdate = new Date(endMs).toISOString();
    const answers: SingleAnswer[] = [];
    for (const { der, serial } of certificates) {
      const status = await certificateStatus(this.#core.ledger.reader, issuer.certificate.sha256, serial);
      answers.push({ certId: der, status, thisUpdate, nextUpdate });
    }
    const response = await signOcspResponse(identity, answers, thisUpdate, nonce);
    // strangers can ask about as many unknown serials as they like
    if (certificates.length > 1 || nonce !== undefined || answers[0]!.status.kind === 'unknown') {
      return { response };
    }
    const kept: KeptAnswer = {
      response,
      thisUpdateMs: now.getTime(),
      nextUpdateMs: endMs,
      freshUntilMs: now.getTime() + (endMs - now.getTime()) / 2,
      etag: `"${hash('sha256', response, 'hex')}"`,
      lastModified: now.toUTCString(),
      expires: new Date(endMs).toUTCString(),
    };
    if (heard === this.#heard) this.#answers.keep(request, certificates[0]!, kept);
    return { response, kept };
  }

  async #hearOfRevocations(): Promise<void> {
    const { ledger } = this.#core;
    // nothing is kept yet
    this.#next ??= (await ledger.head()).size;
    for (;;) {
      const { revocations, next } = await revocationsSince(ledger.reader, this.#next);
      for (const { serial } of revocations) this.#answers.drop(serial);
      this.#heard += revocations.length;
      if (next === undefined) return;
      this.#next = next;
    }
  }
}

/** A clock that was put back is no reason to give what is of later. */
function isWithin({ thisUpdateMs, nextUpdateMs }: KeptAnswer, now: Date): boolean {
  return thisUpdateMs <= now.getTime() && now.getTime() < nextUpdateMs;
}

function middleOf({ notBefore, notAfter }: OcspIdentity): number {
  return (Date.parse(notBefore) + Date.parse(notAfter)) / 2;
}

function nameOf({ certificate }: Issuer, type: CertIdHash): string {
  const { subject, publicKey } = certificate;
  return `${type} ${hash(type, subject.der, 'hex')} ${hash(type, publicKey.raw, 'hex')}`;
}
