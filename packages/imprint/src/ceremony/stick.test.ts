/** A stick that was in other hands: what it was before, and what it leads to. */
import assert from 'node:assert/strict';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ErrorCode } from '@imprint/contract/errors';
import {
  contentOf,
  copyOf,
  newRoot,
  organization,
  people,
  scratch,
  termsOf,
  waitingHome,
} from './ceremony.test-kit.ts';
import { checkStick } from './check-stick.ts';
import { createRoot } from './create-root.ts';
import { issueNextCrl } from './issue-root-crl.ts';
import { knownTranscriptFile } from './known-transcript.ts';
import { requireApart } from './root-keys.ts';
import { signRequest } from './sign-request.ts';
import { Stick } from './stick.ts';

const refuses = (act: Promise<unknown>, code: ErrorCode, message: RegExp) =>
  assert.rejects(act, { code, message });
const order = { branch: 'device' as const, revoke: [] as string[], reason: 'superseded' as const, days: 30 };

describe('a stick that was in other hands', () => {
  const place = scratch();
  const { at } = place;
  let stick: Stick;
  /** The stick as it was before the root revoked anything. */
  let earlier: string;
  let request: string;
  before(async () => {
    stick = await newRoot(place, 'stick', 'test');
    const { text } = await waitingHome(place, 'home', 'test');
    request = text('station-issuing');
    const terms = termsOf(place, stick, 'stick');
    await signRequest(stick, text('device-issuing'), terms);
    earlier = copyOf(place, stick, 'earlier');
    await issueNextCrl(stick, { ...order, revoke: ['device-issuing'] }, terms);
  });
  after(() => place.remove());

  test('an older copy of the stick is signed for by nobody: no CRL number twice, and nobody’s revocation lost', async () => {
    const old = Stick.ofRoot(earlier);
    checkStick(old);
    const before_ = contentOf(earlier);
    const terms = termsOf(place, old, 'stick');
    await refuses(issueNextCrl(old, order, terms), 'ceremony_invalid', /used up to line 5/);
    await refuses(signRequest(old, request, terms), 'ceremony_invalid', /used up to line 5/);
    // nor one on which something else was done instead
    const other = Stick.ofRoot(copyOf(place, old, 'other'));
    const last = other.transcript.lines.at(-1)!;
    for (let more = 0; more < 3; more++) {
      const { v: _v, seq: _s, previous: _p, ...act } = last;
      other.record({ ...act, people: ['C. Cole', 'D. Dean'] });
    }
    await refuses(
      issueNextCrl(other, order, termsOf(place, other, 'stick')),
      'ceremony_invalid',
      /used up to/,
    );
    assert.deepEqual(contentOf(earlier), before_);
  });

  test('a stick on which creating was only begun makes no second certificate of these keys', async () => {
    const folder = copyOf(place, stick, 'begun');
    const [line] = readFileSync(join(folder, 'transcript.jsonl'), 'utf8').split('\n');
    writeFileSync(join(folder, 'transcript.jsonl'), `${line}\n`);
    rmSync(join(folder, 'certificates'), { recursive: true });
    const terms = { realm: 'test' as const, organization, people, keyFolder: at('stick-keys') };
    const asked = async () => assert.fail('the passphrase was asked for');
    const again = (of: Stick) =>
      createRoot(of, { ...terms, now: () => new Date(), passphrase: async () => asked() });
    await refuses(again(Stick.open(folder)), 'ceremony_invalid', /used up to line 5/);
    // keys that lie apart by now leave their mark behind
    mkdirSync(at('moved'), { mode: 0o700 });
    cpSync(at('stick-keys', knownTranscriptFile), at('moved', knownTranscriptFile));
    const empty = Stick.open(at('empty'));
    await refuses(
      createRoot(empty, { ...terms, keyFolder: at('moved'), now: () => new Date(), passphrase: asked }),
      'ceremony_invalid',
      /used up to/,
    );
    assert.equal(empty.first, undefined);
  });

  test('what the keys know is for their owner alone, and what cannot be read holds too', async () => {
    const file = at('stick-keys', knownTranscriptFile);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const { lines, head } = JSON.parse(readFileSync(file, 'utf8'));
    assert.deepEqual([lines, head], [stick.transcript.lines.length, stick.transcript.head]);
    cpSync(at('stick-keys'), at('torn-keys'), { recursive: true });
    writeFileSync(at('torn-keys', knownTranscriptFile), '{"lines":0}');
    const same = Stick.ofRoot(copyOf(place, stick, 'same'));
    await refuses(issueNextCrl(same, order, termsOf(place, same, 'torn')), 'file_invalid', /cannot be read/);
    // an older copy of the key folder refuses nothing, and learns
    rmSync(at('torn-keys', knownTranscriptFile));
    assert.equal((await issueNextCrl(same, order, termsOf(place, same, 'torn'))).crl.number, 2);
    assert.equal(JSON.parse(readFileSync(at('torn-keys', knownTranscriptFile), 'utf8')).lines, lines + 1);
  });

  test('a link on the stick has nothing read or written that is not on it', async () => {
    const victim = at('victim');
    const spoilt = (change: (folder: string) => void): string => {
      writeFileSync(victim, 'of the machine');
      const folder = copyOf(place, stick, 'spoilt');
      change(folder);
      return folder;
    };
    const next = async (folder: string) => {
      const one = Stick.ofRoot(folder);
      checkStick(one);
      return issueNextCrl(one, order, termsOf(place, one, 'torn'));
    };
    // what is written goes beside a draft that is a link already, and through none
    const draft = spoilt((folder) => symlinkSync(victim, join(folder, 'crl', '.device-root-2.crl.new')));
    rmSync(at('torn-keys', knownTranscriptFile), { force: true });
    const { file } = await next(draft);
    assert.ok(lstatSync(join(draft, file)).isFile());
    assert.equal(readFileSync(victim, 'utf8'), 'of the machine');

    for (const name of ['crl', 'issued', 'requests', 'certificates', 'bundles']) {
      const folder = spoilt((one) => {
        renameSync(join(one, name), at('elsewhere'));
        symlinkSync(at('elsewhere'), join(one, name));
      });
      await refuses(next(folder), 'path_refused', /no plain file/);
      rmSync(at('elsewhere'), { recursive: true });
    }
    for (const name of ['transcript.jsonl', 'certificates/device-root.pem', 'crl/device-root-1.crl']) {
      const folder = spoilt((one) => {
        renameSync(join(one, name), at('outside'));
        symlinkSync(at('outside'), join(one, name));
      });
      await refuses(next(folder), 'path_refused', /no plain file/);
    }
    assert.equal(readFileSync(victim, 'utf8'), 'of the machine');
  });

  test('what the stick shows at the second look is what was recorded, or nothing is signed', async () => {
    const other = await newRoot(place, 'shown', 'test');
    const terms = termsOf(place, other, 'shown');
    const first = await waitingHome(place, 'shown-home', 'test');
    await signRequest(other, first.text('device-issuing'), terms);
    await signRequest(other, first.text('station-issuing'), terms);
    const station = { ...order, branch: 'station' as const };
    await issueNextCrl(other, station, terms);
    await issueNextCrl(other, { ...station, revoke: ['station-issuing'] }, terms);
    const shows = (shown: string, inPlaceOf: string) => {
      const folder = copyOf(place, other, 'exchanged');
      const one = Stick.ofRoot(folder);
      checkStick(one);
      cpSync(join(folder, shown), join(folder, inPlaceOf));
      return { one, its: termsOf(place, one, 'shown') };
    };
    // the list without whom it revokes, which the root has signed as well
    const list = shows('crl/station-root-1.crl', 'crl/station-root-2.crl');
    await refuses(issueNextCrl(list.one, station, list.its), 'ceremony_invalid', /not the file/);
    // another CA in the place of the one that is to be revoked
    const ca = shows('issued/station-issuing.pem', 'issued/device-issuing.pem');
    const revoking = issueNextCrl(ca.one, { ...order, revoke: ['device-issuing'] }, ca.its);
    await refuses(revoking, 'ceremony_invalid', /not the file/);
    const bundle = shows('issued/station-issuing.pem', 'issued/device-issuing.pem');
    const again = signRequest(bundle.one, first.text('device-issuing'), bundle.its);
    await refuses(again, 'ceremony_invalid', /not the file/);
  });

  test('a clock that went back spoils no stick, and has nothing signed', async () => {
    const clocked = await newRoot(place, 'clocked', 'test');
    const terms = termsOf(place, clocked, 'clocked');
    const before_ = readFileSync(join(clocked.folder, 'transcript.jsonl'), 'utf8');
    const yesterday = { ...terms, now: () => new Date(Date.now() - 86_400_000) };
    await refuses(signRequest(clocked, request, yesterday), 'ceremony_invalid', /clock of this machine/);
    await refuses(issueNextCrl(clocked, order, yesterday), 'ceremony_invalid', /clock of this machine/);
    const { v: _v, seq: _s, previous: _p, ...act } = clocked.transcript.lines.at(-1)!;
    const at_ = yesterday.now().toISOString();
    assert.throws(() => clocked.record({ ...act, at: at_ }), { code: 'ceremony_invalid' });
    assert.equal(readFileSync(join(clocked.folder, 'transcript.jsonl'), 'utf8'), before_);
    assert.throws(() => statSync(join(clocked.folder, 'crl')), /ENOENT/);
    const issued = join(clocked.folder, 'issued/station-issuing.pem');
    assert.throws(() => statSync(issued), /ENOENT/);
    await signRequest(Stick.ofRoot(clocked.folder), request, termsOf(place, clocked, 'clocked'));
    checkStick(Stick.ofRoot(clocked.folder));
  });

  test('a key folder on the stick is refused by whatever name', () => {
    for (const name of ['keys', '..keys', '.../keys', 'a/../keys']) {
      assert.throws(
        () => requireApart(at('s'), at('s', name), 'the key folder'),
        { code: 'path_refused' },
        name,
      );
    }
    requireApart(at('s'), at('s', '..', 'keys'), 'the key folder');
    requireApart(at('s'), at('s-keys'), 'the key folder');
  });
});
