/** The simulated unit against any requests: each line gets one line under the cap, and a refusal is one of the closed list. */
import assert from 'node:assert/strict';
import { frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import { isDutErrorCode } from '@imprint/contract/dut/message';
import { limits } from '@imprint/contract/limits';
import { Board } from '@imprint/sim/board';
import { DutSession } from '@imprint/sim/dut-session';
import { seededEntropy } from '@imprint/sim/entropy';
import { Firmware } from '@imprint/sim/firmware';
import { SeededKeySlot } from '../../simulation/seeded-keys.ts';
import { changed, type Draw, pick } from '../draws.ts';
import { commandSamples } from '../dut-samples.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

/** The shortest that a unit may ask for, so that most answers are longer. */
const maxLine = limits.dutLineBytesMin;
const hash = 'ab'.repeat(32);
const image = {
  product: 'gateway',
  buildId: 'fw-1',
  sha256: hash,
  rollbackCounter: 1,
  realm: 'dev' as const,
  rootSha256: hash,
  storageMapSha256: hash,
  features: ['sign-challenge' as const],
  keySlot: 0,
  keyTypes: ['ec-p256' as const, 'ed25519' as const],
};

export function dutUnitTarget(): FuzzTarget {
  return {
    name: 'dut-unit',
    form: 'text',
    refusals: [],
    draw: drawRequests,
    judge: async (input) => {
      const session = newUnit();
      let refused: string | undefined;
      for (const line of textOf(input).split('\n').slice(0, 40)) {
        const answer = (await session.answer(line)).line;
        assert.ok(
          Buffer.byteLength(answer) <= maxLine,
          `an answer of ${Buffer.byteLength(answer)} bytes is over the unit's own cap`,
        );
        assert.ok(!answer.includes('\n'), 'an answer is two lines');
        const error = errorIn(answer);
        refused ??= error;
      }
      return refused;
    },
  };
}

function errorIn(answer: string): string | undefined {
  const framed = parseReplyLine(answer);
  assert.notEqual(framed.kind, 'wrong', 'an answer is not of the protocol');
  const reply = framed.kind === 'frame' ? framed.frame : JSON.parse(answer);
  if (reply.ok === true) return undefined;
  assert.ok(isDutErrorCode(reply.error), `${reply.error} is no refusal of the protocol`);
  return reply.error;
}

function newUnit(): DutSession {
  const entropy = seededEntropy('fuzz', 'unit');
  const board = new Board({
    hardwareUid: [{ kind: 'mcu-uid', value: '0123ABCD' }],
    hwRev: 'B2',
    keySlot: new SeededKeySlot(entropy),
  });
  const firmware = new Firmware(board, image);
  const { hardwareUid, hwRev } = board;
  return new DutSession({ firmware, hardwareUid, hwRev, maxLine, window: 3, entropy });
}

/** A hello, then commands in their order, most of them broken and framed again so that their CRC fits. */
function drawRequests(draw: Draw): Uint8Array {
  const lines = [draw() < 0.9 ? frameLine(commandSamples[0]!) : JSON.stringify(commandSamples[0])];
  for (let seq = 1; seq <= 1 + Math.floor(draw() * 5); seq++) {
    const sample = { ...pick(draw, commandSamples), seq: draw() < 0.9 ? seq : Math.floor(draw() * 9) };
    const text = draw() < 0.3 ? JSON.stringify(sample) : mutateJson(draw, sample);
    lines.push(reframed(text));
  }
  const stream = bytesOf(lines.join('\n'));
  return draw() < 0.8 ? stream : changed(draw, 2, stream, (one) => mutateBytes(draw, one));
}

function reframed(text: string): string {
  try {
    return frameLine(JSON.parse(text));
  } catch {
    return text;
  }
}
