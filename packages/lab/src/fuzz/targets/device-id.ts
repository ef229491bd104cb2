/** Device IDs under three grammars, and the line of a barcode reader: what is accepted is the one canonical spelling. */
import assert from 'node:assert/strict';
import {
  articleGrammar,
  formatDeviceId,
  parseAnyDeviceId,
  parseDeviceId,
  uuidDeviceId,
} from '@imprint/contract/device-id';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { DeviceIdGrammar } from '@imprint/contract/provisioning-contract';
import { parseScanLine } from '@imprint/station/scan-line';
import { below, bytes, changed, type Draw, pick } from '../draws.ts';
import { mutateText } from '../mutate-text.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf, textOf } from '../text-input.ts';

const checked = {
  prefix: 'GW-',
  site_length: 1,
  year_length: 2,
  body_alphabet: '0123456789',
  body_length: 7,
  check: 'mod37-36',
} as const;
const luhn = {
  ...checked,
  prefix: 'L.',
  body_alphabet: '0123456789ABCDEF',
  check: 'luhn-mod-n',
  site_length: 0,
} as const;
const grammars: DeviceIdGrammar[] = [articleGrammar, checked, luhn, { uuid: true }];
const words = [
  'LANE-3',
  'POS-2',
  'CARRIER-A7',
  'OP-7781',
  'GOLDEN',
  'NEXT',
  'CANCEL',
  'PASS-calibration',
  'FAIL-final-test',
];

export function deviceIdTarget(): FuzzTarget {
  return {
    name: 'device-id',
    form: 'text',
    refusals: ['device_id_invalid', 'device_id_check_wrong', 'bad_request'],
    draw: (draw) => bytesOf(drawLine(draw)),
    judge: (input) => {
      const text = textOf(input);
      let accepted = 0;
      for (const grammar of grammars) accepted += isAccepted(text, grammar) ? 1 : 0;
      const scan = parseScanLine(text);
      if (scan.deviceId !== undefined)
        assert.ok(text.includes(scan.deviceId), 'a scan gave an ID that was not scanned');
      return accepted > 0 ? undefined : 'of no grammar';
    },
  };
}

function isAccepted(text: string, grammar: DeviceIdGrammar): boolean {
  try {
    const id = parseDeviceId(text, grammar);
    assert.equal(id, text, 'an ID was completed or folded');
    assert.match(id, /^[A-Za-z0-9][A-Za-z0-9.:-]*$/);
    assert.ok(id.length <= limits.deviceIdLength, 'an ID is too long');
    assert.equal(parseAnyDeviceId(id), id);
    return true;
  } catch (error) {
    if (isImprintError(error, 'device_id_invalid', 'device_id_check_wrong')) return false;
    throw error;
  }
}

function drawLine(draw: Draw): string {
  const ids = grammars.map((grammar) =>
    'uuid' in grammar
      ? uuidDeviceId(bytes(draw, 16))
      : formatDeviceId(
          { ...(grammar.site_length > 0 ? { site: 'M' } : {}), year: 2026, serial: below(draw, 10 ** 6) },
          grammar,
        ),
  );
  const id = pick(draw, ids);
  if (draw() < 0.15) return id;
  const line = draw() < 0.3 ? [pick(draw, words), id, pick(draw, words)].slice(below(draw, 3)).join(' ') : id;
  return changed(draw, 3, line, (text) => mutateText(draw, text, ids));
}
