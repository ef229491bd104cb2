/**
 * A unit that knows only the article's four commands, in plain JSON: no frame, no read-back, and no check of what it
 * is given. It signs any bytes, so nothing that it says is worth a receipt.
 */
import { dutCommands } from '@imprint/contract/dut/message';
import type { Board } from './board.ts';
import { type Answer, articleCommands, plainAnswer, readPlain } from './dut-session.ts';
import type { StoredItem } from './memory-map.ts';

export class ArticleSession {
  readonly #board: Board;
  readonly #beforeCommand: (name: string) => Promise<void>;

  constructor(board: Board, beforeCommand: (name: string) => Promise<void>) {
    this.#board = board;
    this.#beforeCommand = beforeCommand;
  }

  async answer(line: string): Promise<Answer> {
    const request = readPlain(line);
    if (!request) return refused('bad_frame');
    if (!articleCommands.includes(request.cmd)) return refused('unknown_command');
    await this.#beforeCommand(request.cmd);
    return plainAnswer(this.#execute(request.cmd, request.payload ?? {}));
  }

  tooLong(): Answer {
    return refused('too_long');
  }

  busy(): Answer {
    return refused('busy');
  }

  #execute(cmd: string, payload: unknown): Record<string, unknown> {
    const { set_device_id, write_certs, sign_challenge, finalize } = dutCommands;
    if (cmd === 'set_device_id') {
      const given = set_device_id.payload.safeParse(payload);
      return given.success ? this.#write({ device_id: given.data.device_id }) : wrong;
    }
    if (cmd === 'write_certs') {
      const given = write_certs.payload.safeParse(payload);
      if (!given.success) return wrong;
      return this.#write({ device_cert: given.data.device_cert_pem, chain: given.data.chain_pem });
    }
    if (cmd === 'sign_challenge') {
      const given = sign_challenge.payload.safeParse(payload);
      return given.success ? this.#sign(Buffer.from(given.data.challenge_b64, 'base64')) : wrong;
    }
    const given = finalize.payload.safeParse(payload);
    if (!given.success || given.data.permanent !== undefined) return wrong;
    if (given.data.lock_debug) this.#board.fuses.closeDebug(false);
    return { ok: true };
  }

  #write(items: Partial<Record<StoredItem, string>>): Record<string, unknown> {
    const records = Object.entries(items).map(
      ([item, text]) => [item as StoredItem, Buffer.from(text)] as const,
    );
    if (records.some(([item, bytes]) => !this.#board.memory.fits(item, bytes)))
      return { ok: false, error: 'too_long' };
    for (const [item, bytes] of records) this.#board.memory.write(item, bytes);
    return { ok: true };
  }

  #sign(challenge: Uint8Array): Record<string, unknown> {
    const id = this.#board.memory.read('device_id');
    if (id.kind !== 'whole')
      return { ok: false, error: id.kind === 'torn' ? 'storage_failed' : 'not_written' };
    const signature = Buffer.from(this.#board.keySlot.sign(challenge)).toString('base64');
    return { ok: true, signed_by: Buffer.from(id.bytes).toString('ascii'), signature_b64: signature };
  }
}

const wrong = { ok: false, error: 'bad_payload' };

function refused(error: string): Answer {
  return plainAnswer({ ok: false, error });
}
