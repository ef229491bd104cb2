import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryMap } from './memory-map.ts';
import { PowerLost, PowerRail } from './power-rail.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const whole = (text: string) => ({ kind: 'whole' as const, bytes: bytes(text) });

test('I-24: a write that a power cut strikes leaves the old record, the new one, or one that is known to be torn', () => {
  const content = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(content, content, fc.double({ min: 0, max: 1, noNaN: true }), (before, after, share) => {
      const rail = new PowerRail();
      const memory = new MemoryMap(rail);
      memory.write('factory_config', before);
      memory.write('device_id', bytes('GW-1'));
      rail.arm({ after: 0, share, burnt: false });
      assert.throws(() => memory.write('factory_config', after), PowerLost);
      const found = memory.read('factory_config');
      if (found.kind === 'whole') {
        const hex = Buffer.from(found.bytes).toString('hex');
        assert.ok([before, after].some((known) => Buffer.from(known).toString('hex') === hex));
      } else {
        assert.equal(found.kind, 'torn');
        assert.deepEqual(memory.torn(), ['factory_config']);
      }
      assert.deepEqual(memory.read('device_id'), whole('GW-1'));
      memory.write('factory_config', after);
      assert.deepEqual(memory.read('factory_config'), { kind: 'whole', bytes: after });
    }),
  );
});

test('a cut in the middle of a write is found by reading', () => {
  const rail = new PowerRail();
  const memory = new MemoryMap(rail);
  memory.write('device_id', bytes('GW-0001'));
  rail.arm({ after: 0, share: 0.9, burnt: false });
  assert.throws(() => memory.write('device_id', bytes('GW-0002')), PowerLost);
  assert.deepEqual(memory.read('device_id'), { kind: 'torn' });
});

test('a cut strikes the write that it was armed for', () => {
  const rail = new PowerRail();
  const memory = new MemoryMap(rail);
  rail.arm({ after: 1, share: 0, burnt: false });
  memory.write('device_cert', bytes('certificate'));
  assert.throws(() => memory.write('chain', bytes('chain')), PowerLost);
  assert.deepEqual(memory.read('device_cert'), whole('certificate'));
  assert.deepEqual(memory.read('chain'), { kind: 'empty' });
  assert.equal(rail.disarm(), false);
});

test('an item that does not fit its place is not written, and does not reach its neighbour', () => {
  const memory = new MemoryMap(new PowerRail(), [
    { item: 'device_id', partition: 'nvm', maxBytes: 4 },
    { item: 'factory_config', partition: 'nvm', maxBytes: 4 },
  ]);
  memory.write('factory_config', bytes('keep'));
  assert.ok(!memory.fits('device_id', bytes('12345')));
  assert.throws(() => memory.write('device_id', bytes('12345')), RangeError);
  memory.write('device_id', bytes('1234'));
  assert.deepEqual(memory.read('factory_config'), whole('keep'));
});
