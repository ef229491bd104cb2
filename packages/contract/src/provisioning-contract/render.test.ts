/** The one-page document: everything of the contract is on it, and nothing in the contract can draw on it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseDeviceId } from '../device-id.ts';
import { parseProvisioningContract, renderContract } from '../provisioning-contract.ts';

const example = (name: string) =>
  readFileSync(new URL(`../../../../examples/contracts/${name}.yaml`, import.meta.url), 'utf8');

for (const name of ['gateway', 'sensor']) {
  test(`every text and number of ${name}.yaml stands on the page, with the hash of the file`, () => {
    const { contract, sha256 } = parseProvisioningContract(example(name), name);
    const page = renderContract(contract, sha256);
    assert.ok(page.includes(sha256));
    const words: string[] = [];
    JSON.stringify(contract, (_key, value) => {
      if (typeof value === 'string' || (typeof value === 'number' && value > 1)) words.push(String(value));
      return value;
    });
    const shownAsClassAndSlot = [contract.credential.storage.class];
    for (const word of words) {
      if (word === 'forever' || shownAsClassAndSlot.includes(word as never)) continue;
      assert.ok(page.includes(word) || page.includes(word.replaceAll('_', '\\_')), word);
    }
    assert.ok(page.includes(`${contract.credential.storage.class}-slot-${contract.credential.storage.slot}`));
    assert.ok(page.split('\n').length < 80, 'one page');
  });

  test(`the example ID on the page of ${name} is an ID of its grammar`, () => {
    const { contract, sha256 } = parseProvisioningContract(example(name), name);
    const id = /as in `([^`]+)`/.exec(renderContract(contract, sha256))![1]!;
    parseDeviceId(id, contract.identity.grammar);
  });
}

test('free text of the contract is shown, not obeyed', () => {
  const text = example('gateway')
    .replace('organization: Example Devices', 'organization: "<script>x</script> [a](http://b) | *c*"')
    .replace('region: eu', 'region: "<img src=x>"');
  const { contract, sha256 } = parseProvisioningContract(text, 'g');
  const page = renderContract(contract, sha256);
  assert.doesNotMatch(page, /(?<!\\)<(?:script|img)/);
  assert.doesNotMatch(page, /(?<!\\)\[a/);
});

test('a UUID grammar renders too', () => {
  const text = example('gateway').replace(/grammar:\n(?: {4}.*\n)+/, 'grammar: { uuid: true }\n');
  const { contract, sha256 } = parseProvisioningContract(text, 'g');
  assert.match(renderContract(contract, sha256), /a UUID in lower case/);
});

test('the page says who accepts what came back, and whether it may get another board', () => {
  const page = (rework: string) => {
    const text = example('gateway').replace('custody_lost: rotate', rework);
    const { contract, sha256 } = parseProvisioningContract(text, 'g');
    return renderContract(contract, sha256);
  };
  assert.match(page('custody_lost: rotate'), /A person accepts it for refurbishing; it keeps its board\./);
  const open = 'custody_lost: rotate, accepted_by: station, board_swap: allowed';
  assert.match(page(open), /A station that scans it accepts it for refurbishing; it may get another board\./);
  assert.match(page('custody_lost: scrap'), /left our custody is scrapped/);
});
