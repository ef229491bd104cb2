import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hardwareUid, hardwareUidText } from './hardware-uid.ts';

test('refuses a list that names a kind twice, is empty, or holds what would forge a part', () => {
  const part = { kind: 'mcu-uid', value: '0123ABCD' };
  assert.ok(!hardwareUid.safeParse([part, part]).success);
  assert.ok(!hardwareUid.safeParse([]).success);
  for (const value of ['a;mac=0200', 'a=bb', 'abc\n', 'abc', ' abcd']) {
    assert.ok(!hardwareUid.safeParse([{ ...part, value }]).success, value);
  }
  for (const kind of ['mcu=uid', 'Mcu', 'm', '-m']) {
    assert.ok(!hardwareUid.safeParse([{ ...part, kind }]).success, kind);
  }
});

test('gives one text for one set of parts, in whatever order they were read', () => {
  const parts = [
    { kind: 'secure-element-serial', value: '0123EE' },
    { kind: 'mac', value: '02:00:5e:00:53:01' },
  ];
  assert.equal(hardwareUidText(parts), 'mac=02:00:5e:00:53:01;secure-element-serial=0123EE');
  assert.equal(hardwareUidText([...parts].reverse()), hardwareUidText(parts));
});
