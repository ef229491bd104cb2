import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FailureCode, failureCodes } from '@imprint/contract/failure-code';
import type { LineEvent } from '../line-event.ts';
import { LineFailure } from '../line-failure.ts';
import { advice, whatToDo } from './advice.ts';
import { jsonRenderer } from './json-renderer.ts';
import { textRenderer } from './text-renderer.ts';

const failed = (code: FailureCode): LineEvent => ({
  event: 'failed',
  lane: 2,
  device_id: 'GW-M1260000017',
  job_id: 'j-1',
  step: 'prove',
  failure_code: code,
  consequence: failureCodes[code],
  message: 'the signature does not verify',
  hint: advice[code],
  attempts_left: 3,
  durations_ms: { prove: 12 },
});
const passed: LineEvent = {
  event: 'passed',
  lane: 1,
  device_id: 'GW-M1260000017',
  job_id: 'j-1',
  attempt: 1,
  state: 'done',
  already: false,
  durations_ms: { key: 1000, write: 500 },
};

function shown(event: LineEvent, colours = false): string {
  let text = '';
  textRenderer({ write: (more) => (text += more), colours })(event);
  return text;
}

describe('what the operator sees', () => {
  it('says for every failure what happened, to which unit, when, and what to do now', () => {
    for (const code of Object.keys(failureCodes) as FailureCode[]) {
      const text = shown(failed(code));
      assert.match(text, /FAIL {2}lane 2 {2}GW-M1260000017/);
      assert.match(text, /What: {2}the signature does not verify/);
      assert.match(text, /When: {2}proving the identity/);
      assert.ok(text.includes(`Now:   ${advice[code]}`), code);
      assert.match(advice[code], /^[A-Z].*\.$/, `${code} is a sentence`);
      if (failureCodes[code] === 'quarantine') assert.match(advice[code], /quarantine bin/);
    }
  });

  it('PASS and FAIL are seven rows high, and tell apart without colour', () => {
    const blocks = (text: string) => text.split('\n').filter((line) => line.includes('█'));
    assert.equal(blocks(shown(passed)).length, 7);
    assert.equal(blocks(shown(failed('proof_wrong'))).length, 7);
    assert.notDeepEqual(blocks(shown(passed)), blocks(shown(failed('proof_wrong'))));
    assert.match(shown(passed), /PASS {2}lane 1 {2}GW-M1260000017 is finished \(1\.5 s\)/);
  });

  it('colours only where they are wanted', () => {
    assert.ok(shown(passed, true).includes('\x1b['));
    assert.ok(!shown(passed, false).includes('\x1b'));
    assert.ok(!shown(failed('unit_silent'), false).includes('\x1b'));
  });

  it("writes a unit's own words without what moves the cursor", () => {
    const forged = 'no\x1b[2J\x1b[32m\rPASS\u202e';
    const text = shown({ ...failed('unit_silent'), message: forged } as LineEvent, false);
    assert.doesNotMatch(text, /[\x1b\r\u202e]/);
    assert.ok(text.includes('no\\u{1b}[2J'));
  });

  it('a unit that used up its attempts is not scanned again, whatever its last failure says', () => {
    const failure = new LineFailure('link_lost', 'gone');
    assert.equal(whatToDo(failure, 2), advice.link_lost);
    assert.match(whatToDo(failure, 0), /Do not scan again/);
  });

  it('is one JSON object a line for programs', () => {
    const lines: string[] = [];
    const emit = jsonRenderer((text) => lines.push(text));
    emit(passed);
    emit(failed('proof_wrong'));
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [passed, failed('proof_wrong')],
    );
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
  });
});
