/** The office's day: one deed after another while the factory works, and at the end the receipts of before and after a rotation. */
import { proveDevice } from '@imprint/authority/audit/prove';
import { verifierKey } from '@imprint/contract/audit/checkpoint';
import { verifyReceipt } from '@imprint/contract/audit/receipt';
import { logOrigin } from '../authority-process.ts';
import { type DeedOutcome, deeds } from './deeds.ts';
import type { Office } from './office.ts';

const receiptsHold = 'receipts of before and after a rotation verify';
/** By name. */
export const officeDeeds: readonly string[] = [...Object.keys(deeds), receiptsHold];

const longPauseMs = 20_000;

export class WorkDay {
  /** How often each deed got as far as the promise that it is about. */
  readonly done: Record<string, number> = {};
  readonly #office: Office;

  constructor(office: Office) {
    this.#office = office;
  }

  /** Each deed once, beginning anywhere. */
  async work(): Promise<void> {
    const { world, draw } = this.#office;
    const names = Object.keys(deeds);
    const first = draw.below(names.length);
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      await world.delay(draw.below(longPauseMs));
      this.#take(name, await deeds[name]!(this.#office));
    }
  }

  /** One receipt of a unit of each CA. */
  async atEnd(): Promise<void> {
    const { model } = this.#office;
    const byCa = new Map<string, string>();
    for (const [deviceId, { data }] of model.log.completed) byCa.set(data.issuer_sha256, deviceId);
    if (byCa.size < 2) return;
    for (const deviceId of byCa.values()) this.#take(receiptsHold, await this.#receipt(deviceId));
  }

  async #receipt(deviceId: string): Promise<DeedOutcome> {
    const { authority } = this.#office;
    const { certificates, logPublicKey } = authority.identity.hierarchy;
    const heard = await this.#office.ask(({ line }) =>
      proveDevice({ reader: line.ledger.reader, checkpoints: line.checkpoints, realm: 'dev' }, deviceId),
    );
    if ('code' in heard) return { broken: `${deviceId} is done and has no receipt: ${heard.code}` };
    try {
      const trust = { logKey: verifierKey(logOrigin, logPublicKey), rootDer: certificates.root };
      verifyReceipt(heard.answer, { ...trust, expectedRealm: 'dev' });
      return 'held';
    } catch (error) {
      return { broken: `the receipt of ${deviceId} is refused: ${(error as Error).message}` };
    }
  }

  #take(name: string, outcome: DeedOutcome): void {
    if (outcome === 'not tried') return;
    this.done[name] = (this.done[name] ?? 0) + 1;
    if (outcome !== 'held') this.#office.model.violate('I-18', `${name}: ${outcome.broken}`);
  }
}
