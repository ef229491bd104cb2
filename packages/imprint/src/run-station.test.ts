/** Real station processes, killed and stopped at every step, against simulated units over TCP and an authority behind TLS. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatDeviceId } from '@imprint/contract/device-id';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { type OpenFixture, openTcpFixture } from '@imprint/sim/tcp-fixture';
import { makeUnit, planFromContract, type UnitPlan } from '@imprint/sim/unit-plan';
import { AuthorityDouble } from '@imprint/station/authority.double';
import { AuthorityServerDouble } from '@imprint/station/authority-server.double';

const program = fileURLToPath(new URL('../bin/imprint.mjs', import.meta.url));
const contractText = readFileSync(
  new URL('../../../examples/contracts/gateway.yaml', import.meta.url),
  'utf8',
);
const { contract } = parseProvisioningContract(contractText, 'gateway.yaml');
const deviceIds = Array.from({ length: 30 }, (_, serial) =>
  formatDeviceId({ site: 'M1', year: 2026, serial: serial + 1 }, contract.identity.grammar),
);

type Event = Record<string, unknown> & { event: string };

describe('a station process', { timeout: 180_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'imprint-run-station-'));
  const authority = new AuthorityDouble({ contractText, deviceIds });
  const server = new AuthorityServerDouble(authority);
  let fixture: OpenFixture;
  let plan: UnitPlan;
  let units = 0;

  before(async () => {
    await server.listen();
    fixture = await openTcpFixture();
    plan = planFromContract({
      contract,
      storageMapSha256: storageMapSha256(contract),
      realm: 'dev',
      rootSha256: authority.rootSha256,
      seed: 'run-station',
    });
    mkdirSync(home, { recursive: true });
    const { certificatePem, keyPem } = server.identity();
    const file = (name: string, text: string) => writeFileSync(join(home, name), text, { mode: 0o600 });
    file('station-key.pem', keyPem);
    file('station.pem', certificatePem);
    file('authority-ca.pem', server.authorityCaPem);
    file(
      'station.json',
      JSON.stringify({
        station_version: 1,
        realm: 'dev',
        station_id: 'station-1',
        authority_url: server.url,
        authority_ca_file: 'authority-ca.pem',
        certificate_file: 'station.pem',
        key_file: 'station-key.pem',
        lanes: [{ lane: 1, port: fixture.port }],
      }),
    );
  });
  after(async () => {
    await fixture.close();
    await server.close();
    rmSync(home, { recursive: true });
  });

  /** Starts a process; `onEvent` sees each line that it prints. */
  function start(onEvent: (event: Event, child: ChildProcess) => void) {
    const child = spawn(process.execPath, [program, 'station', 'run', '--home', home, '--json'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const events: Event[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as Event;
      events.push(event);
      onEvent(event, child);
    });
    return { child, events };
  }

  /** Scans and waits for the process's end; input is closed so that it ends by itself. */
  async function runToEnd(scans: string[]): Promise<{ events: Event[]; code: number | null }> {
    const { child, events } = start(() => {});
    child.stdin!.end(scans.map((line) => `${line}\n`).join(''));
    const [code] = (await once(child, 'close')) as [number | null];
    return { events, code };
  }

  const newUnit = () => {
    const unit = makeUnit(plan, ++units);
    fixture.fixture.load(unit);
    return { unit, id: deviceIds[units - 1]! };
  };

  it('I-24, I-25: killed at any step it leaves a unit that the next start finishes, with one certificate and nothing burnt twice', async () => {
    for (const step of [
      'identify',
      'open',
      'key',
      'write',
      'prove',
      'seal',
      'attest',
      'selftest',
      'complete',
    ]) {
      const { unit, id } = newUnit();
      const { child } = start((event, self) => {
        if (event.event === 'step' && event.step === step) self.kill('SIGKILL');
      });
      child.stdin!.write(`OP-1001\n${id}\n`);
      await once(child, 'close');
      assert.equal(child.signalCode, 'SIGKILL', step);

      const { events, code } = await runToEnd(['OP-1001', id]);
      assert.equal(code, 0);
      const passed = events.find((event) => event.event === 'passed');
      assert.equal(passed?.device_id, id, `${step}: ${JSON.stringify(events.slice(-3))}`);
      const board = unit.summary();
      assert.equal(board.debug_lock, 'locked');
      assert.equal(board.needless_burns, 0);
      assert.equal(authority.job(id)?.view.state, 'done');
      assert.equal(authority.issued.length, units, `${step}: one certificate a unit`);
    }
  });

  it('stops at a signal with the unit resumable and its attempt reported', async () => {
    const { id } = newUnit();
    const { child, events } = start((event, self) => {
      if (event.event === 'step' && event.step === 'write') self.kill('SIGTERM');
    });
    child.stdin!.write(`OP-1001\n${id}\n`);
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    const ended = events.find((event) => event.event === 'failed' || event.event === 'passed');
    assert.ok(ended, 'the unit at work is told of');
    if (ended.event === 'failed') assert.equal(authority.ended.at(-1)?.failure_code, 'operator_cancelled');
    const again = await runToEnd(['OP-1001', id]);
    assert.ok(again.events.some((event) => event.event === 'passed'));
  });

  it('says so where it was stopped at work, and where its journal was damaged', async () => {
    const { id } = newUnit();
    const { child } = start((event, self) => {
      if (event.event === 'step' && event.step === 'write') self.kill('SIGKILL');
    });
    child.stdin!.write(`OP-1001\n${id}\n`);
    await once(child, 'close');
    const told = await runToEnd([]);
    assert.ok(told.events.some((event) => event.event === 'notice' && event.code === 'attempts_ended'));

    writeFileSync(join(home, 'journal.sqlite'), 'this is no database at all'.repeat(500));
    const { events } = await runToEnd(['OP-1001', id]);
    assert.ok(events.some((event) => event.event === 'notice' && event.code === 'journal_set_aside'));
    assert.ok(events.some((event) => event.event === 'passed' && event.device_id === id));
  });

  it('a second process of the same station is refused while the first runs', async () => {
    const ready = Promise.withResolvers<void>();
    const { child } = start((event) => {
      if (event.event === 'ready') ready.resolve();
    });
    await ready.promise;
    const { code, events } = await runToEnd([]);
    assert.equal(code, 1);
    assert.match(JSON.stringify(events), /another process of this station/);
    child.kill('SIGTERM');
    await once(child, 'close');
  });
});
