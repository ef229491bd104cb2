/** Signed OCSP answers that are kept to be given again, a bounded number of them, found by the exact CertID and dropped by the serial. */
import { limits } from '@imprint/contract/limits';
import type { CertId } from './ocsp-request.ts';

export interface KeptAnswer {
  response: Buffer;
  /** ISO 8601. */
  thisUpdate: string;
  nextUpdate: string;
  /** SHA-256 of the response, hex. */
  sha256: string;
  /** From then on another one is signed; until `nextUpdate` it may be given where that cannot be. */
  freshUntilMs: number;
}

/** Answers of one serial, by the CertID in each of the forms in which it was asked for: two hashes, each with and without parameters. */
const formsOfSerial = 8;

export class OcspAnswers {
  readonly #most: number;
  readonly #bySerial = new Map<string, Map<string, KeptAnswer>>();

  constructor(most: number = limits.ocspAnswersKept) {
    this.#most = most;
  }

  get({ serial, der }: CertId): KeptAnswer | undefined {
    return this.#bySerial.get(serial)?.get(formOf(der));
  }

  /** Keeps it; where there is no room the serial that came first goes. */
  keep({ serial, der }: CertId, answer: KeptAnswer): void {
    let forms = this.#bySerial.get(serial);
    if (forms === undefined) {
      if (this.#bySerial.size >= this.#most) this.#bySerial.delete(this.#bySerial.keys().next().value!);
      forms = new Map();
      this.#bySerial.set(serial, forms);
    }
    if (forms.size >= formsOfSerial) forms.clear();
    forms.set(formOf(der), answer);
  }

  drop(serial: string): void {
    this.#bySerial.delete(serial);
  }

  dropAll(): void {
    this.#bySerial.clear();
  }
}

function formOf(der: Uint8Array): string {
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
}
