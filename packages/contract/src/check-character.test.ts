/** Establishes what each check scheme promises by trying every case, over the running state where IDs are too many. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkCharacter, checkHolds, mod37Alphabet } from './check-character.ts';
import { isImprintError } from './errors.ts';

const decimal = '0123456789';

/** Every text of `length` characters over the alphabet. */
function* allTexts(alphabet: string, length: number): Generator<string> {
  if (length === 0) yield '';
  else for (const rest of allTexts(alphabet, length - 1)) for (const c of alphabet) yield rest + c;
}

const swapped = (text: string, i: number, j: number) => {
  const c = Array.from(text);
  [c[i], c[j]] = [c[j]!, c[i]!];
  return c.join('');
};

test('computes the published examples', () => {
  assert.equal(checkCharacter('mod37-36', 'A12425GABC1234002', ''), 'M', 'GRid standard, annex');
  assert.equal(checkCharacter('luhn-mod-n', '7992739871', decimal), '3');
  assert.equal(checkCharacter('luhn-mod-n', 'abcdef', 'abcdef'), 'e');
});

for (const alphabet of ['01', '0123', '012345', '01234567', decimal]) {
  test(`luhn-mod-n over ${alphabet.length} characters keeps its promise in every case up to 4 characters`, () => {
    const [first, last] = [alphabet[0]!, alphabet.at(-1)!];
    for (const payload of allTexts(alphabet, 3)) {
      const text = payload + checkCharacter('luhn-mod-n', payload, alphabet);
      for (let i = 0; i < text.length; i++) {
        for (const c of alphabet) {
          const damaged = text.slice(0, i) + c + text.slice(i + 1);
          assert.equal(checkHolds('luhn-mod-n', damaged, alphabet), c === text[i], `${text} ${damaged}`);
        }
        if (i === 0 || text[i] === text[i - 1]) continue;
        const isExcepted = [text[i - 1], text[i]].includes(first) && [text[i - 1], text[i]].includes(last);
        assert.equal(checkHolds('luhn-mod-n', swapped(text, i - 1, i), alphabet), isExcepted, text);
      }
    }
  });
}

test('luhn-mod-n does not catch a transposition over one character, as its docstring says', () => {
  for (const payload of allTexts(decimal, 3)) {
    const text = payload + checkCharacter('luhn-mod-n', payload, decimal);
    assert.ok(checkHolds('luhn-mod-n', swapped(text, 0, 2), decimal));
  }
});

test('luhn-mod-n refuses odd alphabets, over which it would miss single errors', () => {
  for (const alphabet of ['012', '0123456', 'ABCDEFGHIJKLMNOPQRSTUVWXY']) {
    assert.throws(
      () => checkCharacter('luhn-mod-n', alphabet.slice(0, 2), alphabet),
      (error) => isImprintError(error, 'device_id_invalid'),
    );
  }
});

test('refuses a character outside the alphabet and names its position', () => {
  for (const [scheme, text] of [
    ['mod37-36', '12a4'],
    ['luhn-mod-n', '12X4'],
  ] as const) {
    assert.throws(
      () => checkCharacter(scheme, text, decimal),
      (error) => isImprintError(error, 'device_id_invalid') && error.context.position === 3,
    );
  }
});

test('a text of the check character alone does not hold', () => {
  assert.equal(checkHolds('mod37-36', '1', ''), false);
  assert.equal(checkHolds('luhn-mod-n', '0', decimal), false);
});

/** Payloads of up to two characters that leave each of the 36 states of mod37-36 behind them, found by their checks. */
function payloadForEachState(): string[] {
  const found = new Map<string, string>();
  for (const length of [0, 1, 2]) {
    for (const text of allTexts(mod37Alphabet, length)) {
      const check = checkCharacter('mod37-36', text, '');
      if (!found.has(check)) found.set(check, text);
    }
  }
  assert.equal(found.size, 36, 'the check character tells the state, and every state is reached');
  return Array.from(found.values());
}

test('mod37-36 catches every single-character error, from every state', () => {
  for (const before of payloadForEachState()) {
    // Behind equal states equal texts give equal checks, so it is enough that no two characters lead to one state.
    const checks = new Set(Array.from(mod37Alphabet, (c) => checkCharacter('mod37-36', before + c, '')));
    assert.equal(checks.size, 36);
    const right = checkCharacter('mod37-36', before, '');
    const accepted = Array.from(mod37Alphabet).filter(
      (c) => before && checkHolds('mod37-36', before + c, ''),
    );
    assert.deepEqual(accepted, before ? [right] : []);
  }
});

test('mod37-36 misses exactly 36 of 22,680 adjacent transpositions: neighbours, one pair a state', () => {
  let all = 0;
  let missed = 0;
  for (const before of payloadForEachState()) {
    for (let a = 0; a < 36; a++) {
      for (let b = a + 1; b < 36; b++) {
        all++;
        const pair = mod37Alphabet[a]! + mod37Alphabet[b]!;
        const same =
          checkCharacter('mod37-36', before + pair, '') ===
          checkCharacter('mod37-36', before + swapped(pair, 0, 1), '');
        if (same) missed++;
        assert.equal(same, isMissedByDocstring(before, a, b), before + pair);
      }
    }
  }
  assert.deepEqual([all, missed], [36 * 630, 36]);
});

/** The docstring's exception, computed from the standard's description on its own. */
function isMissedByDocstring(before: string, a: number, b: number): boolean {
  let state = 36;
  for (const c of before) state = ((((state + mod37Alphabet.indexOf(c) - 1) % 36) + 1) * 2) % 37;
  const sums = [(state + a) % 36, (state + b) % 36].sort((x, y) => x - y);
  return (b - a === 1 || b - a === 35) && sums[0] === 18 && sums[1] === 19;
}

test('mod37-36 misses 1.9 % of transpositions over one character, and none among decimal digits', () => {
  let all = 0;
  let missed = 0;
  for (const before of payloadForEachState()) {
    for (let a = 0; a < 36; a++) {
      for (let b = a + 1; b < 36; b++) {
        for (let c = 0; c < 36; c += 5) {
          const text = before + mod37Alphabet[a]! + mod37Alphabet[c]! + mod37Alphabet[b]!;
          const turned = swapped(text, before.length, before.length + 2);
          const same = checkCharacter('mod37-36', text, '') === checkCharacter('mod37-36', turned, '');
          all++;
          if (same) missed++;
        }
      }
    }
    for (const digits of allTexts(decimal, 3)) {
      if (digits[0] === digits[2]) continue;
      const turned = swapped(digits, 0, 2);
      assert.notEqual(
        checkCharacter('mod37-36', before + digits, ''),
        checkCharacter('mod37-36', before + turned, ''),
        before + digits,
      );
    }
  }
  assert.ok(missed / all > 0.01 && missed / all < 0.03, `${missed} of ${all}`);
});

test('what holds keeps holding for whole IDs over restricted body alphabets', () => {
  const body = fc.constantFrom(decimal, '0123456789ABCDEF', '23456789ABCDEFGHJKLMNPQRSTUVWXYZ');
  fc.assert(
    fc.property(
      body,
      fc.array(fc.nat(1000), { minLength: 2, maxLength: 20 }),
      fc.nat(),
      fc.nat(),
      (alphabet, v, p, d) => {
        const payload = v.map((value) => alphabet[value % alphabet.length]).join('');
        const text = payload + checkCharacter('mod37-36', payload, '');
        assert.ok(checkHolds('mod37-36', text, ''));
        const at = p % text.length;
        const shift = 1 + (d % 35);
        const other = mod37Alphabet[(mod37Alphabet.indexOf(text[at]!) + shift) % 36]!;
        assert.equal(checkHolds('mod37-36', text.slice(0, at) + other + text.slice(at + 1), ''), false);
      },
    ),
  );
});
