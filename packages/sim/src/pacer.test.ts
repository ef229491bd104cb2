import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer } from './pacer.ts';
import { VirtualTiming } from './virtual-timing.test-kit.ts';

function paced(baud: number | undefined) {
  const timing = new VirtualTiming();
  const released: { atMs: number; bytes: Uint8Array }[] = [];
  const pacer = new Pacer(baud, timing, (bytes) => released.push({ atMs: timing.nowMs(), bytes }));
  return { timing, pacer, released };
}

test('2,400 bytes at 115,200 baud take 208 ms, come in order and never early', async () => {
  const { timing, pacer, released } = paced(115_200);
  const sent = Uint8Array.from({ length: 2400 }, (_, index) => index % 251);
  pacer.push(sent);
  await timing.run();
  assert.deepEqual(Buffer.concat(released.map(({ bytes }) => bytes)), Buffer.from(sent));
  let count = 0;
  for (const { atMs, bytes } of released) {
    count += bytes.length;
    assert.ok(atMs >= (count * 10_000) / 115_200 - 0.5, `${count} bytes after ${atMs} ms`);
  }
  assert.ok(Math.abs(timing.nowMs() - 208.33) < 1);
  assert.ok(released.length < 40);
});

test('timers that fire late do not add up', async () => {
  const { timing, pacer } = paced(9600);
  timing.lateMs = 1.3;
  pacer.push(new Uint8Array(960));
  await timing.run();
  assert.ok(timing.nowMs() >= 1000 && timing.nowMs() < 1002);
});

test('what is pushed while the line is busy waits its turn', async () => {
  const { timing, pacer, released } = paced(9600);
  pacer.push(new Uint8Array(96));
  await timing.run(50);
  pacer.push(new Uint8Array(96));
  await timing.run();
  assert.equal(Math.round(timing.nowMs()), 200);
  assert.equal(
    released.reduce((sum, { bytes }) => sum + bytes.length, 0),
    192,
  );
});

test('an idle line saves up nothing', async () => {
  const { timing, pacer } = paced(9600);
  pacer.push(new Uint8Array(96));
  await timing.run(5000);
  pacer.push(new Uint8Array(96));
  await timing.run();
  assert.equal(Math.round(timing.nowMs()), 5100);
});

test('a pulled cable loses what was under way, and the next bytes come as usual', async () => {
  const { timing, pacer, released } = paced(9600);
  pacer.push(new Uint8Array(96).fill(1));
  await timing.run(10);
  const before = released.length;
  pacer.clear();
  pacer.push(new Uint8Array(8).fill(2));
  await timing.run();
  assert.deepEqual(
    released.slice(before).map(({ bytes }) => [...bytes]),
    [[2, 2, 2, 2, 2, 2, 2, 2]],
  );
});

test('an endless stream is cut off where it would fill the memory', async () => {
  const { timing, pacer, released } = paced(10_000_000);
  for (let count = 0; count < 1000; count++) pacer.push(new Uint8Array(1024));
  await timing.run();
  assert.ok(released.reduce((sum, { bytes }) => sum + bytes.length, 0) <= 256 * 1024);
});

test('without a baud rate bytes go through at once', () => {
  const { pacer, released } = paced(undefined);
  pacer.push(new Uint8Array(3));
  assert.equal(released.length, 1);
});
