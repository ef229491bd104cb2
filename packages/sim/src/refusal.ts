/** Thrown inside the firmware where it will not do what it was asked; it becomes one of the protocol's error codes. */
import type { DutErrorCode } from '@imprint/contract/dut/message';

export class Refusal extends Error {
  readonly code: DutErrorCode;

  constructor(code: DutErrorCode, detail: string) {
    super(detail);
    this.name = 'Refusal';
    this.code = code;
  }
}
