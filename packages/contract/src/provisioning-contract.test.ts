/** Each way in which a provisioning contract is wrong or unwise, with the place that is named; and the examples. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ImprintError } from './errors.ts';
import type { Finding } from './finding.ts';
import { parseProvisioningContract, renderContract } from './provisioning-contract.ts';

const example = (name: string) =>
  readFileSync(new URL(`../../../examples/contracts/${name}.yaml`, import.meta.url), 'utf8');
const gateway = example('gateway');
const sensor = example('sensor');

/** The text with one piece replaced; the piece must be there once, so that a test cannot pass by changing nothing. */
function changed(text: string, from: string, to: string): string {
  assert.equal(text.split(from).length, 2, `${from} stands ${text.split(from).length - 1} times`);
  return text.replace(from, () => to);
}

function refusalOf(text: string): { error: ImprintError; findings: Finding[] } {
  try {
    parseProvisioningContract(text, 'g.yaml');
  } catch (error) {
    assert.ok(error instanceof ImprintError && error.code === 'contract_invalid', String(error));
    const findings = error.context.findings as Finding[];
    for (const finding of findings) assert.ok(finding.hint, finding.message);
    return { error, findings };
  }
  assert.fail('accepted');
}

/** `[line, column]` of the first time that a piece stands in the text; a `|` in the piece marks the place inside it. */
function placeOf(text: string, piece: string): [number, number] {
  const start = text.indexOf(piece.replace('|', ''));
  const before = text.slice(0, start + Math.max(piece.indexOf('|'), 0)).split('\n');
  return [before.length, before.at(-1)!.length + 1];
}

for (const name of ['gateway', 'sensor']) {
  test(`the example ${name} has no faults and no warnings, and is named by the hash of its bytes`, () => {
    const { sha256, warnings } = parseProvisioningContract(example(name), `${name}.yaml`);
    assert.deepEqual(warnings, []);
    assert.equal(sha256, createHash('sha256').update(example(name)).digest('hex'));
  });
}

test('the examples differ in grammar, key type, label mode, lock policy and route', () => {
  const [a, b] = [gateway, sensor].map((text) => parseProvisioningContract(text, 'x').contract) as [
    ReturnType<typeof parseProvisioningContract>['contract'],
    ReturnType<typeof parseProvisioningContract>['contract'],
  ];
  assert.notDeepEqual(a.identity.grammar, b.identity.grammar);
  assert.notEqual(a.credential.key_type, b.credential.key_type);
  assert.notEqual(a.label.mode, b.label.mode);
  assert.notEqual(a.lock_policy.debug, b.lock_policy.debug);
  assert.notDeepEqual(a.route, b.route);
});

/** From, to, the piece at whose beginning the finding stands, what it says. */
const wrongInGateway: [name: string, from: string, to: string, at: string, says: RegExp][] = [
  ['an unknown key', 'product: gateway', 'product: gateway\nprodukt: x', 'produkt', /unknown key "produkt"/],
  ['an unknown nested key', 'slot: 0, access', 'slott: 1, slot: 0, access', 'slott', /unknown key "slott"/],
  ['a missing key', 'revision: "2026.1"\n', '', 'contract_version: 1', /"revision" is missing/],
  ['a missing nested key', 'slot: 0, ', '', 'storage: {', /"slot" is missing/],
  ['an unquoted version', '"2026.1"', '2026.1', '2026.1', /not string/],
  ['another format version', 'contract_version: 1', 'contract_version: 2', '2\n', /"contract_version"/],
  [
    'an injected key',
    'class: secure-element',
    'class: injected-by-pc',
    'injected-by-pc',
    /copy every device/,
  ],
  ['an unknown storage class', 'class: secure-element', 'class: flash', 'flash,', /"class" is "flash"/],
  [
    'attestation by TPM',
    'attestation: none',
    'attestation: tpm-ek',
    'tpm-ek',
    /not implemented, and nothing may pretend it is/,
  ],
  [
    'attestation by element',
    'attestation: none',
    'attestation: secure-element',
    'secure-element\n  profile',
    /not implemented/,
  ],
  ['an unknown attestation', 'attestation: none', 'attestation: magic', 'magic', /"attestation" is "magic"/],
  ['RSA', 'key_type: ec-p256', 'key_type: rsa-2048', 'rsa-2048', /"key_type"/],
  [
    'a readable key',
    'access: sign-only }\n  attestation',
    'access: read }\n  attestation',
    'read }',
    /"access"/,
  ],
  [
    'a placeholder hash',
    'sha256: ',
    'sha256: REPLACE_WITH_BUILD_HASH # ',
    'REPLACE',
    /placeholder still stands/,
  ],
  ['an upper-case hash', 'sha256: ', 'sha256: A', 'Af275', /64 lower-case hex/],
  ['an empty value', 'slot: 0, access', 'slot: , access', 'slot: ,', /"slot" is empty/],
  ['a wrong OID', '1.3.6.1.4.1.99999.1.1', '1.3.06.1', '1.3.06.1', /object identifier/],
  ['a wrong validity', 'validity: forever', 'validity: never', 'never', /"validity" is "never"/],
  ['a validity of no days', 'validity: forever', 'validity: { days: 0 }', '0 }\n    skew', /"days"/],
  [
    'an unknown key beside days',
    'validity: forever',
    'validity: { days: 9, years: 1 }',
    'years',
    /unknown key "years"/,
  ],
  ['a year of three digits', 'year_length: 2', 'year_length: 3', '3\n', /"year_length"/],
  ['a grammar between two', 'prefix: "GW-"', 'prefix: "GW-"\n    uuid: true', 'uuid', /unknown key "uuid"/],
  ['an unknown check', 'check: mod37-36', 'check: crc', 'crc', /"check"/],
  [
    'an odd Luhn alphabet',
    '"0123456789"\n    body_length: 6\n    check: mod37-36',
    '"012345678"\n    body_length: 6\n    check: luhn-mod-n',
    'luhn-mod-n',
    /even number/,
  ],
  ['a doubled alphabet character', '"0123456789"', '"01234567899"', '"01234567899"', /twice/],
  ['a small letter under mod37-36', '"0123456789"', '"012345678a"', '"012345678a"', /0-9 and A-Z only/],
  ['an ID that reads as an option', 'prefix: "GW-"', 'prefix: "-GW"', '"-GW"', /begins with a letter/],
  ['a path in a prefix', 'prefix: "GW-"', 'prefix: "../"', '"../"', /letters, digits/],
  ['a SKU twice', '[gateway-wifi, gateway-lte]', '[a, a]', '[a, a]', /named twice/],
  ['a formula as SKU', '[gateway-wifi, gateway-lte]', '["=cmd"]', '"=cmd"', /lower-case/],
  [
    'an item twice',
    'item: chain',
    'item: device_cert',
    '- { item: trust_anchor',
    /does not say where chain lies|names device_cert twice/,
  ],
  [
    'a key that is read back',
    'read_back: forbidden',
    'read_back: hash',
    'hash }\n  - { item: boot',
    /never read back/,
  ],
  [
    'a certificate as key',
    '12288, access: field-writable',
    '12288, access: sign-only',
    'sign-only, read_back: required',
    /for private_key and nothing else/,
  ],
  [
    'a write without read-back',
    '2048, access: locked-at-seal, read_back: required',
    '2048, access: locked-at-seal, read_back: forbidden',
    'forbidden }\n  - { item: device_cert',
    /must be read back/,
  ],
  [
    'an ID read back as hash',
    '64, access: locked-at-seal, read_back: required',
    '64, access: locked-at-seal, read_back: hash',
    'hash }\n  - { item: factory',
    /read back whole/,
  ],
  ['a factory configuration without room', 'max_bytes: 2048', 'max_bytes: 300', '300', /room for 300/],
  ['a wrong key handle', 'key_handle: slot-0', 'key_handle: slot-1', 'slot-1', /secure-element-slot-0/],
  ['a name configured twice', '    wifi_ssid:', '    region:', '{ type: string, max_length: 32', /both/],
  [
    'a name that is no name',
    'region: eu',
    'Region-Code: eu',
    'Region-Code',
    /the name "Region-Code" is refused/,
  ],
  ['a list as value', 'region: eu', 'region: [eu]', '[eu]', /"region" is a list/],
  ['a fraction as value', 'feature_bits: 5', 'feature_bits: 0.5', '0.5', /"feature_bits"/],
  [
    'a JTAG fuse with an open port',
    'debug: locked,',
    'debug: open,',
    'true }\nlock_policy',
    /leaves it open/,
  ],
  [
    'a permanent lock that is no fuse',
    'debug: locked,',
    'debug: locked-permanently,',
    'locked-at-seal, read_back: required }\n\nfactory',
    /one-way/,
  ],
  [
    'an unknown boot flag',
    'disable_jtag: true',
    'disable_jtag: true, overclock: true',
    'overclock',
    /unknown key/,
  ],
  ['a route without seal', '  - { operation: seal }\n', '', '- { operation: provision }\n', /no seal/],
  [
    'seal before provision',
    '- { operation: provision }\n  - { operation: seal }',
    '- { operation: seal }\n  - { operation: provision }',
    '{ operation: seal }',
    /before provision/,
  ],
  [
    'pack in the middle',
    '- { operation: seal }\n  - { operation: pack }',
    '- { operation: pack }\n  - { operation: seal }',
    '{ operation: pack }',
    /not the last/,
  ],
  [
    'an operation of nobody',
    '{ operation: pack }',
    '{ operation: polish }',
    '{ operation: polish }',
    /no operation of ours/,
  ],
  [
    'an external provision',
    '{ operation: provision }',
    '{ operation: provision, external: true }',
    '{ operation: provision',
    /not external/,
  ],
  ['an operation twice', '{ operation: pack }', '{ operation: seal }', '{ operation: seal }\n\n', /twice/],
  ['too many attempts', 'attempts_cap: 5', 'attempts_cap: 500', '500', /"attempts_cap"/],
  [
    'a bound of nothing',
    'visible_within_minutes: 60',
    'visible_within_minutes: 0',
    'within_minutes: |0 }',
    /"visible_within_minutes"/,
  ],
  [
    'a board to swap where all is scrapped',
    'custody_lost: rotate',
    'custody_lost: scrap, board_swap: allowed',
    'allowed }',
    /how units are refurbished/,
  ],
  [
    'an operational credential that ends before its predecessor',
    'validity_days: 90',
    'validity_days: 14',
    'validity_days: |14 }',
    /longer than it is valid/,
  ],
  [
    'an operational credential for ever',
    'validity_days: 90',
    'validity_days: forever',
    'validity_days: |forever',
    /"validity_days"/,
  ],
  ['an alias', 'region: eu', 'region: *x', '*x', /alias/],
  [
    'a duplicate key',
    'onboarding: hybrid',
    'onboarding: hybrid\nonboarding: factory',
    'onboarding: factory',
    /twice/,
  ],
  ['__proto__', 'region: eu', '__proto__: { a: 1 }', '__proto__', /__proto__/],
];

for (const [name, from, to, at, says] of wrongInGateway) {
  test(`refuses ${name}, with its place`, () => {
    const text = changed(gateway, from, to);
    const { findings } = refusalOf(text);
    const [line, column] = placeOf(text, at);
    const found = findings.find((finding) => finding.line === line && finding.column === column);
    assert.ok(found, `${line}:${column} not among ${JSON.stringify(findings)}`);
    assert.match(found.message, says);
  });
}

test('says all that is wrong at once, in file order, and the first of it in the message', () => {
  const text = changed(
    changed(gateway, 'key_type: ec-p256', 'key_type: rsa'),
    'product: gateway',
    'product: Gate Way',
  );
  const { error, findings } = refusalOf(text);
  assert.deepEqual(
    findings.map((finding) => finding.line),
    [4, 23],
  );
  assert.match(error.message, /^g\.yaml:4:10: "product": a product is lower-case/);
});

test('an unknown key is answered with the keys that are known there', () => {
  const { findings } = refusalOf(changed(gateway, 'slot: 0, access', 'slott: 1, slot: 0, access'));
  assert.equal(findings[0]!.hint, 'Known here: class, slot, access.');
});

test('an ID in a secure element needs a key in one', () => {
  const { findings } = refusalOf(changed(sensor, '[label, nvm]', '[label, secure-element]'));
  assert.match(findings[0]!.message, /borne by a secure element/);
});

for (const text of ['', '\n', '# nothing\n', '[]', '"text"', '1', 'null', '{}']) {
  test(`refuses ${JSON.stringify(text)} as a whole`, () => {
    refusalOf(text);
  });
}

test('a contract without an operational credential is valid, and says where it would be refused as a new one', () => {
  const text = changed(gateway, 'operational: { validity_days: 90 }\n', '');
  const { warnings, ifNew } = parseProvisioningContract(text, 'g.yaml');
  assert.deepEqual(warnings, []);
  assert.match(ifNew[0]!.message, /onboarding hybrid fetches an operational credential/);
  assert.deepEqual([ifNew[0]!.line, ifNew[0]!.column], placeOf(text, 'hybrid'));
  assert.deepEqual(parseProvisioningContract(gateway, 'g.yaml').ifNew, []);
  assert.deepEqual(parseProvisioningContract(sensor, 's.yaml').ifNew, []);
});

test('the page of a contract says how its operational credential rotates', () => {
  const { contract } = parseProvisioningContract(gateway, 'g.yaml');
  assert.match(renderContract(contract, 'x'), /fetched in the field, ec-p256, valid 90 days/);
});

test('every byte counts for the hash: a comment makes another contract', () => {
  const one = parseProvisioningContract(gateway, 'g.yaml');
  const other = parseProvisioningContract(`${gateway}# note\n`, 'g.yaml');
  assert.deepEqual(one.contract, other.contract);
  assert.notEqual(one.sha256, other.sha256);
});

test('a UUID is a grammar of its own', () => {
  const text = gateway.replace(/grammar:\n(?: {4}.*\n)+/, 'grammar: { uuid: true }\n');
  const { contract, warnings } = parseProvisioningContract(text, 'g.yaml');
  assert.deepEqual(contract.identity.grammar, { uuid: true });
  assert.deepEqual(warnings, []);
});

const unwiseInGateway: [name: string, from: string, to: string, at: string, says: RegExp][] = [
  ['an ID from a MAC', 'derived_from: generated', 'derived_from: mac-address', 'mac-address', /MAC address/],
  [
    'an ID from a hardware UID',
    'derived_from: generated',
    'derived_from: hardware-uid',
    'hardware-uid',
    /swapped board/,
  ],
  [
    'an ID from a secret',
    'derived_from: generated',
    'derived_from: secret',
    'secret\n',
    /derived from a secret/,
  ],
  ['an ID that only the label bears', '[label, nvm]', '[label]', '[label]', /only the label/],
  ['units told apart by MAC alone', '[mcu-uid, secure-element-serial]', '[mac]', '[mac]', /MAC alone/],
  ['no check character', 'check: mod37-36', 'check: none', 'prefix: "GW-"', /mistyped/],
  [
    'an ID that looks like a MAC',
    '"0123456789"\n    body_length: 6',
    '"0123456789ABCDEF"\n    body_length: 12',
    'prefix: "GW-"',
    /look like a MAC/,
  ],
  ['an endpoint', 'region: eu', 'broker_url: mqtt.example', 'mqtt.example', /site or customer/],
  ['a certificate', 'region: eu', 'blob: "-----BEGIN CERTIFICATE-----"', '"-----BEGIN', /a PEM block/],
  ['hex of a key', 'region: eu', `blob: "${'0a'.repeat(16)}"`, '"0a0a', /long random number/],
  ['base64 of a key', 'region: eu', 'blob: "kJ8sl2Pq0vXz7TnB4mWcYh1R"', '"kJ8', /long random text/],
  ['no secure boot', 'secure_boot: true', 'secure_boot: false', 'false, disable', /any firmware/],
  ['a very short revocation bound', 'minutes: 60 }', 'minutes: 5 }', '5 }', /ten minutes/],
  ['a very long revocation bound', 'minutes: 60 }', 'minutes: 2000 }', '2000 }', /more than a day/],
  ['no time for a successor', 'successor_days: 14', 'successor_days: 0', '0\n\nstorage', /locked out/],
  ['one attempt', 'attempts_cap: 5', 'attempts_cap: 1', '1, custody', /scraps/],
  [
    'a station that accepts what came back',
    'custody_lost: rotate',
    'custody_lost: rotate, accepted_by: station',
    'station }',
    /stolen station/,
  ],
  ['no pack', '  - { operation: pack }\n', '', '- { operation: provision }', /another station/],
];

for (const [name, from, to, at, says] of unwiseInGateway) {
  test(`warns of ${name}, with its place`, () => {
    const text = changed(gateway, from, to);
    const { warnings } = parseProvisioningContract(text, 'g.yaml');
    assert.equal(warnings.length, 1, JSON.stringify(warnings));
    const warning = warnings[0]!;
    assert.match(warning.message, says);
    assert.ok(warning.hint);
    assert.deepEqual([warning.line, warning.column], placeOf(text, at));
  });
}

const secretInFactory: [name: string, to: string, at: string, says: RegExp][] = [
  ['a password by name', 'wifi_password: x', 'x, feature', /named like a secret/],
  ['a token by name', 'cloud_token: x', 'x, feature', /named like a secret/],
  ['an API key by name', 'api_key: x', 'x, feature', /named like a secret/],
  ['a PIN that is a number', 'pin: 8642', '8642', /named like a secret/],
  ['the key of a network', 'wifi_key: x', 'x, feature', /named like a secret/],
  ['a network', 'ssid: home', 'home', /joins a network/],
  ['a private key', 'blob: "-----BEGIN EC PRIVATE KEY-----"', '"-----BEGIN', /is a private key/],
  ['a web token', 'blob: eyJhbGciOiJIUzI1NiJ9.e30.x', 'eyJ', /JSON web token/],
  ['a URL with a password', 'blob: "mqtt://u:p@h"', '"mqtt', /URL with a password/],
];

for (const [name, to, at, says] of secretInFactory) {
  test(`I-19: refuses ${name} in factory configuration, with its place, and does not repeat it`, () => {
    const text = changed(gateway, 'region: eu', to);
    const { findings } = refusalOf(text);
    assert.equal(findings.length, 1, JSON.stringify(findings));
    assert.match(findings[0]!.message, says);
    assert.deepEqual([findings[0]!.line, findings[0]!.column], placeOf(text, at));
    assert.doesNotMatch(JSON.stringify(findings), /eyJ|u:p@|8642/);
  });
}

test('what is on or off is no secret, whatever its name', () => {
  assert.deepEqual(
    parseProvisioningContract(changed(gateway, 'region: eu', 'pin_lock: true'), 'g').warnings,
    [],
  );
});

test('warns of an open debug port, and more sternly where the key lies in flash', () => {
  const open = changed(
    changed(gateway, 'debug: locked,', 'debug: open,'),
    'disable_jtag: true',
    'disable_jtag: false',
  );
  assert.match(parseProvisioningContract(open, 'g').warnings[0]!.message, /debug port stays open: units/);
  const flash = changed(open, 'class: secure-element', 'class: protected-flash');
  assert.match(parseProvisioningContract(flash, 'g').warnings[0]!.message, /can copy it/);
});

test('warns of a short birth credential that nothing renews', () => {
  const { warnings } = parseProvisioningContract(changed(sensor, 'days: 7300', 'days: 90'), 's');
  assert.match(warnings[0]!.message, /warehouse/);
});

test('I-19: a warning about a secret does not repeat it', () => {
  const text = changed(gateway, 'region: eu', 'blob: "kJ8sl2Pq0vXz7TnB4mWcYh1R"');
  assert.ok(!JSON.stringify(parseProvisioningContract(text, 'g').warnings).includes('kJ8'));
});

test('ordinary configuration is not suspected', () => {
  const values =
    '{ region: eu, feature_bits: 5, key_handle: slot-0, pinout: v2, spinning: true, tokenizer: "a", hw: "fw-2026.01.09-rc1-with-long-name", keypad: qwerty }';
  const text = gateway.replace(/values: \{.*\}/, () => `values: ${values}`);
  assert.deepEqual(parseProvisioningContract(text, 'g').warnings, []);
});

test('a number where text belongs is answered with the way to write it', () => {
  assert.match(refusalOf(changed(gateway, '"2026.1"', '2026.1')).findings[0]!.hint, /Put it in quotes/);
});

test('a superseded credential is not accepted for longer than it is valid', () => {
  const { findings } = refusalOf(changed(sensor, 'days: 7300', 'days: 30'));
  assert.match(findings[0]!.message, /longer than it is valid/);
  parseProvisioningContract(changed(sensor, 'days: 7300', 'days: 31'), 's.yaml');
});

test('a factory configuration that no message to the unit can carry is refused, whatever its room', () => {
  const values = Array.from({ length: 40 }, (_, i) => `    text_${i}: "${'x y '.repeat(60)}"`).join('\n');
  const text = changed(gateway, 'max_bytes: 2048', 'max_bytes: 65536').replace(
    / {2}values: \{.*\}/,
    `  values:\n${values}`,
  );
  assert.match(refusalOf(text).findings[0]!.message, /has room for 8192/);
});
