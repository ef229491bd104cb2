/** A unit's second life on real processes: made, packed, shipped, returned, recognised at the station, refurbished, packed and shipped again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { verifyLog } from '@imprint/authority/audit/verify';
import { nobodyApproved } from '@imprint/authority/lifecycle/approved';
import { type Destination, transitionDevice } from '@imprint/authority/lifecycle/transition';
import { showDevice } from '@imprint/authority/registry/devices';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { Child, type ChildEvent } from './demo/child.ts';
import { type DemoLine, type Fixture, setUpLine } from './demo/line-setup.ts';

describe('a unit that came back', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'imprint-refurbished-'));
  const children: Child[] = [];
  const start = (name: string, args: string[]) => {
    const child = new Child(name, args);
    children.push(child);
    return child;
  };
  let line: DemoLine;

  before(async () => {
    const options = { devices: 1, lanes: 1, trays: 1, faults: 0, seed: 'second life', home, link: 'tcp' };
    line = await setUpLine({ ...options, link: 'tcp', keep: false, json: true }, start, () => {});
  });
  after(async () => {
    for (const child of children.reverse()) await child.stop();
    await line.authority.close();
    rmSync(home, { recursive: true, force: true });
  });

  const isVerdict = ({ event }: ChildEvent) =>
    event === 'passed' || event === 'failed' || event === 'refused';

  async function visit(station: Child, place: Fixture): Promise<ChildEvent> {
    const { sim } = line.trays[0]!;
    const [id] = line.deviceIds;
    const load = JSON.stringify({ load: { fixture: place.fixture, unit: 1 } });
    await sim.askInTurn(load, ({ event }) => event === 'loaded');
    const verdict = await station.ask(`LANE-1 ${id}`, isVerdict);
    const unload = JSON.stringify({ unload: { fixture: place.fixture } });
    await sim.askInTurn(unload, ({ event }) => event === 'unloaded');
    return verdict;
  }
  const provision = () => visit(line.station, line.trays[0]!.lanes[0]!);
  const pack = () => visit(line.packing, line.trays[0]!.packing);
  const board = async () => {
    const report = await line.trays[0]!.sim.askInTurn('{"report":true}', ({ event }) => event === 'report');
    return (report.units as Record<string, unknown>[])[0]!;
  };
  const move = (...ways: Destination[]) =>
    ways.reduce(async (before: Promise<unknown>, to) => {
      await before;
      const { ledger, contracts, person: by } = line.authority;
      const core = { contracts, approved: nobodyApproved };
      return transitionDevice(ledger, core, { by, deviceId: line.deviceIds[0]!, to, reason: `RMA 7: ${to}` });
    }, Promise.resolve());
  const device = () => showDevice(line.authority.ledger.reader, line.deviceIds[0]!);

  it('I-7, I-25, I-27: gets a new key and certificate over the wire of a sealed board, and nothing is burnt twice', async () => {
    const made = await provision();
    assert.equal(made.event, 'passed', JSON.stringify(made));
    assert.equal((await pack()).event, 'passed');
    await move('stocked', 'shipped', 'returned');
    const sealed = await board();
    assert.equal(sealed.debug_lock, 'locked');

    const recognised = await provision();
    assert.equal(recognised.event, 'failed', JSON.stringify(recognised));
    assert.equal(recognised.consequence, 'stop');
    assert.match(String(recognised.message), /came back from the field and was not accepted/);
    assert.match(String(recognised.hint), /box of returns/);
    assert.deepEqual({ ...(await board()), boot_count: 0 }, { ...sealed, boot_count: 0 });

    await move('refurbished');
    const again = await provision();
    assert.equal(again.event, 'passed', JSON.stringify(again));
    const after = await board();
    assert.notEqual(after.public_key_sha256, sealed.public_key_sha256);
    assert.deepEqual(
      [after.debug_lock, after.boot_flags, after.fuse_pulses, after.needless_burns, after.torn],
      [sealed.debug_lock, sealed.boot_flags, sealed.fuse_pulses, 0, []],
    );
    assert.equal((await device()).state, 'refurbished');
    const packed = await pack();
    assert.equal(packed.event, 'passed', JSON.stringify(packed));

    const { state, rma_count, credentials } = await device();
    assert.deepEqual([state, rma_count], ['manufactured', 1]);
    assert.deepEqual(
      credentials.map(({ status, revocation_reason }) => [status, revocation_reason]),
      [
        ['revoked', 'custody-lost'],
        ['active', null],
      ],
    );
    assert.equal(credentials[1]!.public_key_sha256, after.public_key_sha256);
    await move('stocked', 'shipped');
    assert.equal((await provision()).already, true, 'a finished unit that is scanned again is confirmed');
    // of one moment: the authority publishes its CRLs meanwhile
    const report = await withSnapshot(line.authority.storage, (db) => verifyLog(db, { realm: 'dev' }));
    assert.deepEqual(report.findings, []);
  });

  it('a second return ends that certificate too, and what is lost in the field is taken at no station', async () => {
    await move('returned', 'refurbished');
    assert.equal((await provision()).event, 'passed');
    assert.equal((await pack()).event, 'passed');
    assert.equal((await device()).rma_count, 2);
    await move('lost');
    const refused = await provision();
    assert.deepEqual([refused.event, refused.consequence], ['failed', 'stop']);
    assert.match(String(refused.message), /is lost/);
    assert.ok((await device()).credentials.every(({ status }) => status === 'revoked'));
  });
});
