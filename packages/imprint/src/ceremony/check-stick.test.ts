/** Lines that follow well and lie: what a line says is held against the files that it names. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Act } from '@imprint/authority/trust/transcript';
import { copyOf, newRoot, scratch, termsOf, waitingHome } from './ceremony.test-kit.ts';
import { checkStick } from './check-stick.ts';
import { issueNextCrl } from './issue-root-crl.ts';
import { signRequest } from './sign-request.ts';
import { Stick } from './stick.ts';

describe('a line of the transcript that follows well, and lies', () => {
  const place = scratch();
  let stick: Stick;
  before(async () => {
    stick = await newRoot(place, 'stick', 'test');
    const terms = termsOf(place, stick, 'stick');
    const { text } = await waitingHome(place, 'home', 'test');
    await signRequest(stick, text('device-issuing'), terms);
    const order = { branch: 'device' as const, revoke: [], reason: 'superseded' as const, days: 30 };
    await issueNextCrl(stick, order, terms);
  });
  after(() => place.remove());

  /** The newest act of a kind, told once more with a change, over files that are there. */
  function told(act: Act['act'], change: (one: Act, stick: Stick) => Partial<Act>): Stick {
    const spoilt = Stick.ofRoot(copyOf(place, stick, 'spoilt'));
    const { v: _v, seq: _s, previous: _p, ...one } = spoilt.transcript.lines.findLast((l) => l.act === act)!;
    spoilt.record({ ...one, at: spoilt.transcript.lines.at(-1)!.at, ...change(one, spoilt) });
    return spoilt;
  }
  const copied = (of: Stick, from: string, to: string) => {
    cpSync(join(of.folder, from), join(of.folder, to));
    return of.named(to);
  };
  const refuses = (of: Stick, message: RegExp) =>
    assert.throws(() => checkStick(of), { code: 'ceremony_invalid', message });

  test('a number is used once, and is that of its CRL or bundle', () => {
    checkStick(stick);
    refuses(
      told('crl.issued', () => ({})),
      /numbers backwards/,
    );
    refuses(
      told('crl.issued', () => ({ number: null })),
      /numbers backwards/,
    );
    refuses(
      told('bundle.issued', () => ({})),
      /numbers backwards/,
    );
    const crl = told('crl.issued', (_, of) => ({
      number: 2,
      out: [copied(of, 'crl/device-root-1.crl', 'crl/device-root-2.crl')],
    }));
    refuses(crl, /another number than its CRL/);
    const bundle = told('bundle.issued', (_, of) => ({
      number: 2,
      out: [copied(of, 'bundles/bundle-1.json', 'bundles/bundle-2.json')],
    }));
    refuses(bundle, /another version than its bundle/);
  });

  test('a file is the one that was recorded, to the last byte', () => {
    const spoilt = Stick.ofRoot(copyOf(place, stick, 'spoilt'));
    appendFileSync(join(spoilt.folder, 'issued/device-issuing.pem'), '\n');
    refuses(spoilt, /is not the file that line 3 names/);
  });

  test('a CA is the one of its request, and a line names the files of its act and no others', () => {
    const other = told('ca.signed', (_, of) => ({
      subject: 'device-other',
      in: [copied(of, 'requests/device-issuing.json', 'requests/device-other.json')],
      out: [copied(of, 'issued/device-issuing.pem', 'issued/device-other.pem')],
    }));
    refuses(other, /another request than its file/);
    refuses(
      told('ca.signed', () => ({ in: [] })),
      /names other files/,
    );
    refuses(
      told('ca.signed', (one) => ({ out: [...one.out, ...one.in] })),
      /names other files/,
    );
    const number = { number: 2 };
    refuses(
      told('crl.issued', () => number),
      /names other files/,
    );
    refuses(
      told('crl.issued', () => ({ ...number, subject: 'station-root' })),
      /names other files/,
    );
    refuses(
      told('bundle.issued', () => number),
      /names other files/,
    );
  });
});
