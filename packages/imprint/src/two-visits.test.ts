/** A product whose debug port is needed between two visits, on real processes: provision, calibration, seal, final test, pack. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '@imprint/authority/audit/verify';
import { checkContract } from '@imprint/authority/registry/contracts';
import { registerOperator } from '@imprint/authority/registry/operators';
import { createOrder } from '@imprint/authority/registry/orders';
import { registerSample } from '@imprint/authority/registry/samples';
import { withSnapshot } from '@imprint/authority/storage/snapshot';
import { limits } from '@imprint/contract/limits';
import { certificateFiles } from './authority-home.ts';
import { Child, type ChildEvent } from './demo/child.ts';
import { type Fixture, startStation, startTrays, type Tray } from './demo/line-setup.ts';
import type { DemoOptions } from './demo/options.ts';
import { initAuthority } from './init-authority.ts';
import { type OpenAuthority, openAuthority, systemEntropy } from './open-authority.ts';
import { readBoundedFile } from './read-bounded-file.ts';

const contractFile = fileURLToPath(new URL('../../../examples/contracts/sensor.yaml', import.meta.url));
const badge = 'OP-7e57';

describe('a product of two visits', { timeout: 120_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'imprint-two-visits-'));
  const children: Child[] = [];
  const start = (name: string, args: string[]) => {
    const child = new Child(name, args);
    children.push(child);
    return child;
  };
  let authority: OpenAuthority;
  let tray: Tray;
  let stations: Record<'provision' | 'seal' | 'pack', Child>;
  let lanes: Record<'provision' | 'seal' | 'pack', Fixture & { lane: number }>;

  before(async () => {
    const authorityHome = join(home, 'authority');
    await initAuthority(authorityHome, {
      version: 1,
      realm: 'dev',
      organization: 'Example Devices',
      log_origin: 'imprint.local/two-visits',
      hosts: [],
      listeners: { station: { host: '127.0.0.1', port: 0 }, public: { host: '127.0.0.1', port: 0 } },
      minimum_station_version: '0.1.0',
    });
    authority = await openAuthority(authorityHome);
    const serve = start('serve', ['serve', '--home', authorityHome, '--json']);
    const { station: url } = await serve.next(({ event }) => event === 'ready');
    const now = Date.now();
    const { ledger, person } = authority;
    await createOrder(
      ledger,
      systemEntropy,
      person,
      checkContract(readBoundedFile(contractFile, limits.yamlBytes), contractFile),
      {
        orderId: 'sensors-1',
        sku: 'sensor-indoor',
        lot: 'lot-1',
        quantity: 2,
        scrapAllowance: 0,
        sites: ['site-1'],
        stations: [],
        opensAt: new Date(now).toISOString(),
        closesAt: new Date(now + 86_400_000).toISOString(),
        ids: { source: 'generated', site: 'B', year: 2026 },
      },
    );
    const { line } = await authority.unlock();
    await registerOperator(ledger, systemEntropy, person, { name: 'Test Person', badge }, line.badgeHash);
    const options: DemoOptions = {
      ...{ devices: 2, lanes: 2, trays: 1, faults: 0, seed: 'two visits', home, link: 'tcp' },
      ...{ keep: false, json: true, contract: contractFile },
    };
    [tray] = (await startTrays(
      options,
      join(authorityHome, 'certificates', certificateFiles.root),
      start,
    )) as [Tray];
    const [provision, seal] = tray.lanes as [Fixture & { lane: number }, Fixture & { lane: number }];
    lanes = { provision, seal: { ...seal, lane: 1 }, pack: { ...tray.packing, lane: 1 } };
    const work = async (name: keyof typeof lanes) =>
      startStation(options, authority, String(url), `${name}-1`, name, [lanes[name]], badge, start);
    const [first, second, third] = await Promise.all([work('provision'), work('seal'), work('pack')]);
    stations = { provision: first, seal: second, pack: third };
  });

  after(async () => {
    for (const child of children.reverse()) await child.stop();
    await authority.close();
    rmSync(home, { recursive: true, force: true });
  });

  const lay = (place: Fixture, unit: number) =>
    tray.sim.askInTurn(
      JSON.stringify({ load: { fixture: place.fixture, unit } }),
      ({ event }) => event === 'loaded',
    );
  const lift = (place: Fixture) =>
    tray.sim.askInTurn(
      JSON.stringify({ unload: { fixture: place.fixture } }),
      ({ event }) => event === 'unloaded',
    );
  const isVerdict = ({ event }: ChildEvent) =>
    event === 'passed' || event === 'failed' || event === 'refused';

  /** Lays the unit into the lane of that work, scans, and puts the label on where one is asked for. */
  async function visit(name: keyof typeof lanes, unit: number, scan: string): Promise<ChildEvent> {
    const forget = stations[name].onEvent((event) => {
      if (event.event === 'label')
        void stations[name].ask(`LANE-1 ${event.device_id}`, isVerdict).catch(() => {});
    });
    await lay(lanes[name], unit);
    const verdict = await stations[name].ask(`LANE-1 ${scan}`, isVerdict);
    await lift(lanes[name]);
    forget();
    return verdict;
  }

  const report = (scan: string) =>
    stations.seal.ask(scan, ({ event }) => event === 'reported' || event === 'refused');

  it('I-25, I-27: is sealed only after its calibration passed, and is manufactured when its whole route is passed', async () => {
    const first = await visit('provision', 1, 'NEXT');
    assert.equal(first.event, 'passed', JSON.stringify(first));
    assert.equal(first.state, 'proven');
    const id = String(first.device_id);

    const early = await visit('seal', 1, id);
    assert.equal(early.event, 'failed', 'sealing before the calibration');
    assert.match(String(early.message), /calibration/);

    const tooEarly = await report(`PASS-final-test ${id}`);
    assert.equal(tooEarly.event, 'refused', 'an operation out of the order of the route');
    assert.equal((await report(`FAIL-calibration ${id}`)).event, 'reported');
    assert.equal((await visit('seal', 1, id)).event, 'failed', 'sealing after a failed calibration');
    // A person scans the result and then the unit: two lines.
    assert.equal((await report(`PASS-calibration\n${id}`)).event, 'reported');

    const sealed = await visit('seal', 1, id);
    assert.equal(sealed.event, 'passed', JSON.stringify(sealed));
    assert.equal(sealed.state, 'done');
    assert.equal((await visit('pack', 1, id)).event, 'failed', 'packing before the final test');
    assert.equal((await report(`PASS-final-test ${id}`)).device_state, 'allocated');
    const packed = await visit('pack', 1, id);
    assert.equal(packed.event, 'passed', JSON.stringify(packed));

    const { ledger, configuration } = authority;
    const device = await ledger.reader
      .selectFrom('device')
      .select('state')
      .where('device_id', '=', id)
      .executeTakeFirstOrThrow();
    assert.equal(device.state, 'manufactured');
    const { realm } = configuration;
    const verified = await withSnapshot(authority.storage, (db) => verifyLog(db, { realm }));
    assert.deepEqual(verified.findings, []);
  });

  it('a station takes no work while its golden sample is due, and goes on once that has proved itself', async () => {
    const made = await authority.ledger.reader
      .selectFrom('job')
      .select('device_id')
      .where('state', '=', 'done')
      .executeTakeFirstOrThrow();
    await registerSample(authority.ledger, authority.person, {
      device_id: made.device_id,
      kind: 'golden',
      check_every_minutes: 480,
    });
    const refused = await visit('provision', 2, 'NEXT');
    assert.equal(refused.event, 'failed', JSON.stringify(refused));
    assert.match(String(refused.hint), /GOLDEN/);
    const checked = await visit('provision', 1, `GOLDEN ${made.device_id}`);
    assert.equal(checked.event, 'passed', JSON.stringify(checked));
    assert.equal(checked.state, 'checked');
    assert.equal((await visit('provision', 2, 'NEXT')).event, 'passed');
  });
});
