import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fuses } from './fuses.ts';
import { PowerLost, PowerRail } from './power-rail.ts';

const ranks = { open: 0, locked: 1, 'locked-permanently': 2 };
const step = fc.record({
  act: fc.constantFrom('secure_boot', 'disable_jtag', 'lock', 'permanent'),
  cut: fc.option(fc.record({ after: fc.nat(1), share: fc.constant(0), burnt: fc.boolean() })),
});

test('I-25: no sequence of burns and power cuts takes a fuse back or burns a burnt one again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const rail = new PowerRail();
      const fuses = new Fuses(rail, ['secure_boot', 'disable_jtag']);
      for (const { act, cut } of steps) {
        const before = { lock: ranks[fuses.debugLock], flags: fuses.bootFlags, pulses: fuses.pulses };
        if (cut) rail.arm(cut);
        try {
          if (act === 'lock' || act === 'permanent') fuses.closeDebug(act === 'permanent');
          else fuses.burnFlag(act);
        } catch (error) {
          assert.ok(error instanceof PowerLost);
        }
        rail.disarm();
        assert.ok(ranks[fuses.debugLock] >= before.lock);
        for (const [flag, burnt] of Object.entries(before.flags)) {
          if (!burnt) continue;
          assert.ok(fuses.bootFlags[flag]);
          assert.equal(fuses.pulses[`flag:${flag}`], before.pulses[`flag:${flag}`]);
        }
      }
    }),
  );
});

test('a cut during a burn leaves the fuse burnt or not, as it was drawn', () => {
  for (const burnt of [true, false]) {
    const rail = new PowerRail();
    const fuses = new Fuses(rail, ['secure_boot']);
    rail.arm({ after: 0, share: 0.5, burnt });
    assert.throws(() => fuses.burnFlag('secure_boot'), PowerLost);
    assert.equal(fuses.bootFlags.secure_boot, burnt);
  }
});

test('a cut between the two lock fuses leaves the port locked, and the second can be burnt later', () => {
  const rail = new PowerRail();
  const fuses = new Fuses(rail, []);
  rail.arm({ after: 1, share: 0, burnt: false });
  assert.throws(() => fuses.closeDebug(true), PowerLost);
  assert.equal(fuses.debugLock, 'locked');
  fuses.closeDebug(true);
  assert.equal(fuses.debugLock, 'locked-permanently');
  assert.equal(fuses.needless, 0);
});

test('counts a burn that was asked for though it was done', () => {
  const fuses = new Fuses(new PowerRail(), ['secure_boot']);
  fuses.burnFlag('secure_boot');
  fuses.burnFlag('secure_boot');
  fuses.closeDebug(false);
  fuses.closeDebug(false);
  assert.equal(fuses.needless, 2);
  assert.deepEqual(fuses.pulses, { debug_locked: 1, 'flag:secure_boot': 1 });
});

test('burns no fuse that the unit has not', () => {
  assert.throws(() => new Fuses(new PowerRail(), []).burnFlag('secure_boot'), RangeError);
});
