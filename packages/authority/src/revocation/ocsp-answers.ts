/** Signed OCSP answers that are kept to be given again, a bounded number of them, found by the exact CertID and dropped by the serial. */
import { limits } from '@imprint/contract/limits';
import type { CertId } from './ocsp-request.ts';

export interface KeptAnswer {
  response: Buffer;
  /** Milliseconds since 1970, between which it holds. */
  thisUpdateMs: number;
  nextUpdateMs: number;
  /** From then on another one is signed; until `nextUpdateMs` it may be given where that cannot be. */
  freshUntilMs: number;
  /** For caches, as HTTP writes them: a validator, and the two times. */
  etag: string;
  lastModified: string;
  expires: string;
}

/** Answers of one serial, by the CertID in each of the forms in which it was asked for: two hashes, each with and without parameters. */
const formsOfSerial = 8;
/** Strangers can write a request about one certificate in as many ways as they like; a plain one is shorter. */
const longestRead = 160;

export class OcspAnswers {
  readonly #most: number;
  readonly #bySerial = new Map<string, Map<string, KeptAnswer>>();
  /** What requests ask about whose answers were kept, by the request's bytes: reading one takes longer than giving its answer. */
  readonly #read = new Map<string, CertId>();

  constructor(most: number = limits.ocspAnswersKept) {
    this.#most = most;
  }

  /** The certificate that these bytes ask about, where an answer to just them was kept before. */
  asked(request: Uint8Array): CertId | undefined {
    return this.#read.get(textOf(request));
  }

  get({ serial, der }: CertId): KeptAnswer | undefined {
    return this.#bySerial.get(serial)?.get(textOf(der));
  }

  /** Keeps it, and what its request asks about; where there is no room what came first goes. */
  keep(request: Uint8Array, certId: CertId, answer: KeptAnswer): void {
    const { serial, der } = certId;
    if (request.length <= longestRead) {
      if (this.#read.size >= this.#most) this.#read.delete(this.#read.keys().next().value!);
      this.#read.set(textOf(request), certId);
    }
    let forms = this.#bySerial.get(serial);
    if (forms === undefined) {
      if (this.#bySerial.size >= this.#most) this.#bySerial.delete(this.#bySerial.keys().next().value!);
      forms = new Map();
      this.#bySerial.set(serial, forms);
    }
    if (forms.size >= formsOfSerial) forms.clear();
    forms.set(textOf(der), answer);
  }

  drop(serial: string): void {
    this.#bySerial.delete(serial);
  }

  dropAll(): void {
    this.#bySerial.clear();
  }
}

function textOf(der: Uint8Array): string {
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
}
