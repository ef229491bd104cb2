/** Whose shift it is at this station. The badge itself is kept in memory alone; journal and events bear a pseudonym. */
import { ImprintError } from '@imprint/contract/errors';
import type { AuthorityClient } from './authority-client.ts';
import type { Journal } from './journal.ts';
import type { Emit } from './line-event.ts';
import type { Outbox } from './outbox.ts';

export interface ShiftOptions {
  authority: AuthorityClient;
  outbox: Outbox;
  journal: Journal;
  emit: Emit;
  newRequestId: () => string;
}

export class Shift {
  readonly #options: ShiftOptions;
  /** An open shift survives a restart of the station; who the badge belongs to is then asked for anew. */
  #id: string | null;
  #badge: string | null = null;

  constructor(options: ShiftOptions) {
    this.#options = options;
    this.#id = options.journal.fact('shift');
  }

  get id(): string | null {
    return this.#id;
  }

  /** @throws shift_not_open */
  require(): void {
    if (this.#id !== null) return;
    throw new ImprintError('shift_not_open', 'nobody is signed in at this station', {
      hint: 'Scan your badge, then scan the unit again.',
    });
  }

  /** The first scan of a badge opens a shift, the second closes it; another badge takes over. */
  async badge(badge: string): Promise<void> {
    const isSame = badge === this.#badge;
    if (this.#id !== null && (this.#badge !== null || isSame)) await this.#close();
    if (isSame) return;
    await this.#open(badge);
  }

  async #open(badge: string): Promise<void> {
    const { authority, journal, emit, newRequestId } = this.#options;
    // Not through the outbox: a badge is no word for a disk. A lost answer is repeated under the same ID meanwhile.
    const opened = await authority.call('openShift', {}, { request_id: newRequestId(), badge });
    const before = this.#id;
    this.#id = opened.shift_id;
    this.#badge = badge;
    journal.recordFact('shift', this.#id);
    if (before !== null && before !== this.#id) {
      await this.#options.outbox.send('closeShift', { shift_id: before }, {});
    }
    emit({ event: 'shift', open: true, operator_id: opened.operator_id });
  }

  async #close(): Promise<void> {
    const { outbox, journal, emit } = this.#options;
    const id = this.#id!;
    this.#id = null;
    this.#badge = null;
    journal.recordFact('shift', null);
    await outbox.send('closeShift', { shift_id: id }, {});
    emit({ event: 'shift', open: false, operator_id: null });
  }
}
