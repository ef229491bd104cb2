/** Device ID grammars: what is refused first, then that formatting and parsing agree. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  articleGrammar,
  deviceIdCapacity,
  deviceIdLength,
  formatDeviceId,
  grammarFaults,
  parseAnyDeviceId,
  parseDeviceId,
  uuidDeviceId,
} from './device-id.ts';
import { isImprintError } from './errors.ts';
import { limits } from './limits.ts';
import type { DeviceIdGrammar } from './provisioning-contract.ts';

const gateway: DeviceIdGrammar = {
  prefix: 'GW-',
  site_length: 2,
  year_length: 2,
  body_alphabet: '0123456789',
  body_length: 6,
  check: 'mod37-36',
};
const sensor: DeviceIdGrammar = {
  prefix: 'S.',
  site_length: 1,
  year_length: 0,
  body_alphabet: '23456789ABCDEFGHJKLMNPQRSTUVWXYZ',
  body_length: 7,
  check: 'luhn-mod-n',
};
const uuid: DeviceIdGrammar = { uuid: true };

const refuses = (
  text: string,
  grammar: DeviceIdGrammar,
  code: 'device_id_invalid' | 'device_id_check_wrong',
  position?: number,
) =>
  assert.throws(
    () => parseDeviceId(text, grammar),
    (error) => {
      assert.ok(isImprintError(error, code), `${text}: ${error}`);
      assert.ok(error.hint);
      if (position !== undefined) assert.equal(error.context.position, position);
      return true;
    },
  );

test('SN-00012345 is valid under the grammar of the source article', () => {
  assert.equal(parseDeviceId('SN-00012345', articleGrammar), 'SN-00012345');
  assert.equal(formatDeviceId({ serial: 12345 }, articleGrammar), 'SN-00012345');
});

for (const text of [
  '',
  ' SN-00012345',
  'SN-00012345 ',
  'SN-00012345\n',
  'SN-00012345\r\n',
  'SN-00012345\0',
  'sn-00012345',
  'SN-0001234',
  'SN-000123456',
  'SN_00012345',
  'SN-0001234５',
  'SN-00012345SN-00012345',
  '../SN-00012345',
  'SN-0001%345',
  'SN-0001/345',
  'SN–00012345',
  'X'.repeat(100_000),
]) {
  test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () =>
    refuses(text, articleGrammar, 'device_id_invalid'));
}

test('refuses an ID that would read as a station in a certificate', () => {
  assert.throws(
    () => parseAnyDeviceId('station:1'),
    (error) => isImprintError(error, 'device_id_invalid'),
  );
  assert.equal(parseAnyDeviceId('station-1'), 'station-1');
});

test('an unsafe character is refused even where a grammar that nobody checked has it', () => {
  refuses(
    'SN-0000/345',
    { ...articleGrammar, body_alphabet: '0123456789/' } as DeviceIdGrammar,
    'device_id_invalid',
    8,
  );
});

test('names the position of the first character at fault', () => {
  refuses('SN-0001x345', articleGrammar, 'device_id_invalid', 8);
  refuses('SN-0001 345', articleGrammar, 'device_id_invalid', 8);
  refuses('-N-00012345', articleGrammar, 'device_id_invalid', 1);
  refuses('GW-m1260000010', { ...gateway, check: 'none', body_length: 7 }, 'device_id_invalid', 4);
  refuses('GW-M12x0000010', { ...gateway, check: 'none', body_length: 7 }, 'device_id_invalid', 7);
});

test('a refusal shows hostile text escaped and cut', () => {
  assert.throws(
    () => parseAnyDeviceId('\u001b[2J\u202eabc'),
    (error) => error instanceof Error && /^[\x20-\x7e]*$/.test(error.message),
  );
  assert.throws(
    () => parseAnyDeviceId('x'.repeat(1_000_000)),
    (error) => error instanceof Error && error.message.length < 200,
  );
});

test('a wrong check character has a code and a hint of its own', () => {
  const id = formatDeviceId({ site: 'M1', year: 2026, serial: 41 }, gateway);
  assert.equal(id, 'GW-M126000041S');
  refuses(`${id.slice(0, -1)}T`, gateway, 'device_id_check_wrong', 14);
});

test('catches every single-character error in a whole ID, at every position', () => {
  for (const [grammar, parts] of [
    [gateway, { site: 'M1', year: 2026, serial: 987_654 }],
    [sensor, { site: 'K', serial: 123_456_789 }],
  ] as const) {
    const id = formatDeviceId(parts, grammar);
    for (let i = 0; i < id.length; i++) {
      for (let code = 0x20; code < 0x7f; code++) {
        const damaged = id.slice(0, i) + String.fromCharCode(code) + id.slice(i + 1);
        if (damaged === id) continue;
        assert.throws(
          () => parseDeviceId(damaged, grammar),
          (error) => isImprintError(error, 'device_id_invalid', 'device_id_check_wrong'),
          damaged,
        );
      }
    }
  }
});

test('luhn-mod-n IDs catch every adjacent transposition but first with last of the alphabet', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: deviceIdCapacity(sensor) - 1n }), fc.nat(31), (serial, site) => {
      const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
      const id = formatDeviceId({ site: alphabet[site]!, serial }, sensor);
      for (let i = 3; i < id.length; i++) {
        const [a, b] = [id[i - 1]!, id[i]!];
        if (a === b || `${a}${b}` === '2Z' || `${a}${b}` === 'Z2') continue;
        refuses(id.slice(0, i - 1) + b + a + id.slice(i + 1), sensor, 'device_id_check_wrong');
      }
    }),
  );
});

const grammars = fc
  .record({
    prefix: fc.constantFrom('', 'SN-', 'a.b-c:'),
    site_length: fc.nat(3),
    year_length: fc.constantFrom<0 | 2 | 4>(0, 2, 4),
    body_alphabet: fc.constantFrom(
      '0123456789',
      '0123456789ABCDEF',
      '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
      'xyzabc',
    ),
    body_length: fc.integer({ min: 1, max: 20 }),
    check: fc.constantFrom<'none' | 'luhn-mod-n' | 'mod37-36'>('none', 'luhn-mod-n', 'mod37-36'),
  })
  .filter((grammar) => grammarFaults(grammar).length === 0);

test('what is formatted parses, has the stated length, and differs by serial', () => {
  fc.assert(
    fc.property(grammars, fc.nat(), fc.nat(), fc.integer({ min: 1000, max: 9999 }), (grammar, m, n, year) => {
      const capacity = deviceIdCapacity(grammar);
      const [a, b] = [BigInt(m) % capacity, BigInt(n) % capacity];
      const site = Array.from({ length: 'uuid' in grammar ? 0 : grammar.site_length }, () =>
        'uuid' in grammar ? '' : grammar.check === 'luhn-mod-n' ? grammar.body_alphabet[1] : 'K',
      ).join('');
      const id = formatDeviceId({ site, year, serial: a }, grammar);
      assert.equal(parseDeviceId(id, grammar), id);
      assert.equal(id.length, deviceIdLength(grammar));
      assert.equal(id === formatDeviceId({ site, year, serial: b }, grammar), a === b);
    }),
  );
});

test('the last serial fits and the one behind it is refused', () => {
  assert.equal(formatDeviceId({ serial: 99_999_999n }, articleGrammar), 'SN-99999999');
  for (const serial of [100_000_000n, -1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(
      () => formatDeviceId({ serial }, articleGrammar),
      (error) => isImprintError(error, 'device_id_invalid'),
    );
  }
});

test('refuses a missing, long or foreign site, and a year that is not one', () => {
  for (const parts of [
    { year: 2026, serial: 1 },
    { site: 'M', year: 2026, serial: 1 },
    { site: 'M12', year: 2026, serial: 1 },
    { site: 'm1', year: 2026, serial: 1 },
    { site: 'M1', serial: 1 },
    { site: 'M1', year: 26, serial: 1 },
  ]) {
    assert.throws(
      () => formatDeviceId(parts, gateway),
      (error) => isImprintError(error, 'device_id_invalid'),
      JSON.stringify(parts),
    );
  }
});

test('UUIDs are accepted in their one canonical form', () => {
  const id = uuidDeviceId(new Uint8Array(16).fill(255));
  assert.equal(id, 'ffffffff-ffff-4fff-bfff-ffffffffffff');
  assert.equal(parseDeviceId(id, uuid), id);
  for (const text of [
    id.toUpperCase(),
    `{${id}}`,
    id.replaceAll('-', ''),
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'ffffffff-ffff-4fff-cfff-ffffffffffff',
    `urn:uuid:${id}`,
  ]) {
    refuses(text, uuid, 'device_id_invalid');
  }
  assert.throws(() => uuidDeviceId(new Uint8Array(15)));
  assert.throws(() => formatDeviceId({ serial: 1 }, uuid));
});

test('names the fields of a grammar that do not go together', () => {
  const faultsOf = (change: Partial<typeof gateway>) =>
    grammarFaults({ ...gateway, ...change } as DeviceIdGrammar).map((f) => f.field);
  assert.deepEqual(faultsOf({}), []);
  assert.deepEqual(faultsOf({ body_alphabet: '0012' }), ['body_alphabet']);
  assert.deepEqual(faultsOf({ body_alphabet: '012', check: 'luhn-mod-n', year_length: 0 }), ['check']);
  assert.deepEqual(faultsOf({ body_alphabet: 'ABCD', check: 'luhn-mod-n' }), ['year_length']);
  assert.deepEqual(faultsOf({ body_alphabet: 'abcd' }), ['body_alphabet']);
  for (const prefix of ['-x', '.x', ':', 'C:', 'station:', 'station:x'])
    assert.deepEqual(faultsOf({ prefix }), ['prefix'], prefix);
  assert.deepEqual(faultsOf({ prefix: 'CD:' }), []);
  assert.deepEqual(grammarFaults(uuid), []);
});

test('the longest ID that a contract can ask for stays within the generic bound', () => {
  const longest = {
    ...gateway,
    prefix: 'A'.repeat(16),
    site_length: 8,
    year_length: 4 as const,
    body_length: 32,
  };
  assert.ok(deviceIdLength(longest) <= limits.deviceIdLength);
});
