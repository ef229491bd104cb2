/** What every accepted value must be: plain data that no foreign key has given another meaning. */
import assert from 'node:assert/strict';

/** Fails where somewhere in the value an object has a prototype or a key of the writer's choosing. */
export function assertPlain(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) {
    const prototype = Object.getPrototypeOf(value);
    assert.ok(
      prototype === Object.prototype || prototype === null,
      'an accepted object has a foreign prototype',
    );
    assert.ok(!Object.hasOwn(value, '__proto__'), 'an accepted object has a key __proto__');
  }
  for (const member of Object.values(value)) assertPlain(member);
}
