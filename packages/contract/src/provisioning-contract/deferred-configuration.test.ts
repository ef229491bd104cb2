import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isImprintError } from '../errors.ts';
import type { Finding } from '../finding.ts';
import { limits } from '../limits.ts';
import { parseProvisioningContract, renderContract } from '../provisioning-contract.ts';
import { type DeferredType, deferredTypes, isSecretType, valueFault } from './deferred-configuration.ts';

const gateway = readFileSync(new URL('../../../../examples/contracts/gateway.yaml', import.meta.url), 'utf8');
const sensor = readFileSync(new URL('../../../../examples/contracts/sensor.yaml', import.meta.url), 'utf8');

/** The gateway's contract with this section, on one line. */
const withDeferred = (section: string) =>
  gateway.replace(/deferred_configuration:\n(?: {2}.*\n)+/, () => `deferred_configuration: ${section}\n`);

function findingsOf(text: string): Finding[] {
  try {
    parseProvisioningContract(text, 'g');
  } catch (error) {
    if (isImprintError(error, 'contract_invalid')) return error.context.findings as Finding[];
    throw error;
  }
  return assert.fail('it was taken');
}

test('each deferred name has its type; a plain name is a text that counts as a secret', () => {
  const text = withDeferred(
    '{ version: 2, names: [note], values: { minutes: { type: integer, min: 1, max: 60 }, on: { type: boolean } } }',
  );
  const types = deferredTypes(parseProvisioningContract(text, 'g').contract.deferred_configuration);
  assert.deepEqual([...types.keys()], ['note', 'minutes', 'on']);
  assert.equal(isSecretType(types.get('note')!), true);
  assert.equal(isSecretType(types.get('minutes')!), false);
  assert.equal(valueFault(types.get('note')!, 'x'.repeat(limits.configurationTextBytes)), undefined);
});

test('a contract of the plain form is what it was', () => {
  const { contract, warnings } = parseProvisioningContract(sensor, 's');
  assert.deepEqual(warnings, []);
  assert.ok(contract.deferred_configuration.names!.length > 0);
});

const faulty: [name: string, section: string, says: RegExp][] = [
  [
    'a name that is written on the line as well',
    '{ version: 1, values: { region: { type: boolean } } }',
    /both factory configuration and deferred/,
  ],
  [
    'a plain name that is written on the line as well',
    '{ version: 1, names: [region] }',
    /both factory configuration and deferred/,
  ],
  [
    'a name that stands twice',
    '{ version: 1, names: [on], values: { on: { type: boolean } } }',
    /among names too/,
  ],
  [
    'what is named like a secret and not said to be one or none',
    '{ version: 1, values: { wifi_psk: { type: string, max_length: 63 } } }',
    /does not say whether it is one/,
  ],
  [
    'bounds that nothing fits',
    '{ version: 1, values: { minutes: { type: integer, min: 2, max: 1 } } }',
    /min is larger than max/,
  ],
  ['a type that nobody knows', '{ version: 1, values: { a: { type: float } } }', /type/i],
  ['a text without a bound', '{ version: 1, values: { a: { type: string } } }', /max_length/],
  [
    'more names than there may be',
    `{ version: 1, values: { ${Array.from({ length: limits.configurationNames + 1 }, (_, at) => `a${at}: { type: boolean }`).join(', ')} } }`,
    /more than 64 names/,
  ],
];
for (const [name, section, says] of faulty) {
  test(`refuses ${name}`, () => {
    const findings = findingsOf(withDeferred(section));
    assert.ok(
      findings.some(({ message, hint }) => says.test(`${message} ${hint}`)),
      JSON.stringify(findings),
    );
  });
}

const text: DeferredType = { type: 'string', max_length: 4 };
const minutes: DeferredType = { type: 'integer', min: -1, max: 60 };
const values: [type: DeferredType, value: unknown, fits: boolean][] = [
  [text, 'abcd', true],
  [text, '', true],
  [text, 'äöü', false],
  [text, 'abcde', false],
  [text, 'a\0', false],
  [text, '\ud800', false],
  [text, 1, false],
  [minutes, -1, true],
  [minutes, 60, true],
  [minutes, 61, false],
  [minutes, 1.5, false],
  [minutes, '1', false],
  [minutes, Number.NaN, false],
  [{ type: 'boolean' }, false, true],
  [{ type: 'boolean' }, 0, false],
  [{ type: 'boolean' }, null, false],
];
test('a value fits its type or is refused without being repeated', () => {
  for (const [type, value, fits] of values) {
    const fault = valueFault(type, value);
    assert.equal(fault === undefined, fits, `${JSON.stringify(type)} ${String(value)}`);
  }
  assert.doesNotMatch(valueFault(text, 'sesame!')!, /sesame/);
});

test('the document says what each deferred name takes', () => {
  const { contract, sha256 } = parseProvisioningContract(
    withDeferred('{ version: 2, values: { wifi_psk: { type: string, max_length: 63, secret: true } } }'),
    'g',
  );
  assert.match(renderContract(contract, sha256), /wifi_psk \(string of at most 63 bytes, secret\)/);
});
