import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { StationRequest, StationResponse, StationRouteName } from '@imprint/contract/api/station';
import { ImprintError } from '@imprint/contract/errors';
import { hardwareUidText } from '@imprint/contract/hardware-uid';
import type { SimulatedUnit } from '@imprint/sim/simulated-unit';
import type { UnitPlan } from '@imprint/sim/unit-plan';
import type { AuthorityClient } from './authority-client.ts';
import { Bench, gatewayIds, sensorText } from './bench.double.ts';
import type { Outcome } from './procedure.ts';

const [id, otherId] = gatewayIds as [string, string];
const writes = [
  'write_trust_anchor',
  'set_device_id',
  'write_factory_config',
  'write_certs',
  'write_boot_flags',
  'finalize',
];

function passed(outcome: Outcome): Extract<Outcome, { event: 'passed' }> {
  assert.equal(outcome.event, 'passed', JSON.stringify(outcome));
  return outcome as Extract<Outcome, { event: 'passed' }>;
}

function failed(outcome: Outcome, code: string): Extract<Outcome, { event: 'failed' }> {
  assert.equal(outcome.event, 'failed', JSON.stringify(outcome));
  const failure = outcome as Extract<Outcome, { event: 'failed' }>;
  assert.equal(failure.failure_code, code, failure.message);
  return failure;
}

/** Everything that must hold of a unit that passed, read from its board and from the authority. */
function assertFinished(bench: Bench, unit: SimulatedUnit, deviceId: string): void {
  const board = unit.summary();
  assert.equal(board.device_id, deviceId);
  assert.equal(board.debug_lock, 'locked');
  assert.deepEqual(board.boot_flags, { secure_boot: true, disable_jtag: true });
  assert.equal(board.needless_burns, 0, 'nothing is burnt twice');
  assert.deepEqual(board.torn, []);
  const view = bench.authority.job(deviceId)!.view;
  assert.equal(view.state, 'done');
  assert.equal(view.certificate!.public_key_sha256, board.public_key_sha256);
}

describe('a unit on the line', () => {
  it('I-27: comes out finished, with its own certificate, locked, proven and attested', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    const outcome = passed(await bench.run(unit, id));
    assert.equal(outcome.state, 'done');
    assertFinished(bench, unit, id);
    assert.equal(bench.authority.issued.length, 1);
    assert.ok(new X509Certificate(bench.authority.issued[0]!).subject.includes(id));
    const commands = bench.link.commands();
    assert.ok(commands.indexOf('prove') > commands.indexOf('read_certs'), 'the proof follows the write');
    assert.ok(
      commands.indexOf('write_boot_flags') > commands.indexOf('prove'),
      'nothing is burnt before the proof',
    );
    assert.ok(
      commands.lastIndexOf('attest') > commands.indexOf('reboot'),
      'the state is attested after a power cycle',
    );
  });

  it('leaves the debug port of an excepted unit as it is, closes every other, and passes the finished one again', async () => {
    using bench = new Bench();
    bench.authority.excepted.add(id);
    const unit = bench.newUnit();
    passed(await bench.run(unit, id));
    assert.equal(unit.summary().debug_lock, 'open');
    assert.deepEqual(unit.summary().boot_flags, { secure_boot: true, disable_jtag: true });
    assert.ok(!bench.link.commands().includes('finalize'));
    assert.equal(passed(await bench.run(unit, id)).already, true);
    const other = bench.newUnit();
    passed(await bench.run(other, otherId));
    assertFinished(bench, other, otherId);
  });

  it('asks the unit nothing that it has said in this session already, save before and after what cannot be undone', async () => {
    using bench = new Bench();
    passed(await bench.run(bench.newUnit(), id));
    // a line that was sent again, as on a busy machine, is one request
    const asked = bench.link.sent.filter((line, at, sent) => line !== sent[at - 1]);
    assert.deepEqual(
      asked.map((line) => JSON.parse(line).cmd),
      [
        ...['hello', 'status', 'generate_key'],
        ...['write_trust_anchor', 'set_device_id', 'write_factory_config', 'write_certs'],
        ...['read_trust_anchor', 'read_device_id', 'read_factory_config', 'read_certs', 'prove'],
        ...['status', 'write_boot_flags', 'status', 'finalize', 'status', 'reboot'],
        ...['hello', 'status', 'selftest', 'attest'],
      ],
    );
  });

  it('a finished unit that is scanned again gets the same answer, and nothing is written', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    passed(await bench.run(unit, id));
    const before = bench.link.sent.length;
    const again = passed(await bench.run(unit, id));
    assert.equal(again.already, true);
    const commands = bench.link.sent.slice(before).map((line) => JSON.parse(line).cmd);
    assert.deepEqual(commands, ['hello', 'status']);
    assert.equal(bench.authority.issued.length, 1);
  });

  it('works over the shortest lines that a unit may ask for', async () => {
    for (const window of [1, 4]) {
      using bench = new Bench({ plan: { maxLine: 256, window } });
      const unit = bench.newUnit();
      passed(await bench.run(unit, id));
      for (const line of bench.link.sent) assert.ok(line.length <= 257);
    }
  });

  it('takes the next ID of the order where the label is printed later, and scans the label back', async () => {
    const deviceIds = ['SEA2222222K'];
    using bench = new Bench({ contractText: sensorText, deviceIds });
    const unit = bench.newUnit();
    passed(await bench.run(unit, null, { operation: 'provision' }));
    const scanned: string[] = [];
    const scanLabel = async (deviceId: string, mode: string) => {
      scanned.push(mode);
      return deviceId;
    };
    passed(await bench.run(unit, null, { operation: 'seal', scanLabel }));
    assert.deepEqual(scanned, ['at-end']);
    assert.deepEqual(bench.printed, deviceIds);
  });

  it('a route with work between goes in two visits: the first ends at the proof, the second proves again before it seals', async () => {
    using bench = new Bench({ contractText: sensorText, deviceIds: ['SEA2222222K'] });
    const unit = bench.newUnit();
    const first = passed(await bench.run(unit, null));
    assert.equal(first.state, 'proven');
    assert.equal(unit.summary().debug_lock, 'open');
    assert.ok(!bench.link.commands().some((command) => ['write_boot_flags', 'finalize'].includes(command)));
    assert.equal(bench.authority.ended.at(-1)?.outcome, 'passed');

    await bench.restart();
    const second = passed(await bench.run(unit, null, { operation: 'seal' }));
    assert.equal(second.state, 'done');
    const commands = bench.link.commands();
    assert.ok(commands.indexOf('prove') >= 0 && commands.indexOf('prove') < commands.indexOf('finalize'));
    assert.ok(!commands.includes('write_certs'), 'what is there is not written again');
  });
});

describe('a unit that may not go on', () => {
  const refusals: [string, Parameters<Bench['newUnit']>[0], string][] = [
    ['of another realm', { hostile: 'wrong-realm' }, 'realm_wrong'],
    ['that pins another root', { hostile: 'wrong-root' }, 'root_wrong'],
    ['with an older roll-back counter', { hostile: 'old-rollback' }, 'firmware_wrong'],
    ['of a revision that the order does not take', { hwRev: 'Z9' }, 'hardware_revision_wrong'],
    ["that knows the article's commands alone", { protocol: 'article' }, 'unit_protocol'],
  ];
  for (const [what, plan, code] of refusals) {
    it(`I-20: a unit ${what} is refused before any write and before a job is opened`, async () => {
      using bench = new Bench();
      failed(await bench.run(bench.newUnit(plan), id), code);
      assert.ok(bench.link.commands().every((command) => ['hello', 'status'].includes(command)));
      assert.ok(!bench.authority.calls.some((call) => call.route === 'openJob'));
    });
  }

  it('I-20: a build that signs whatever it is given is refused outside the dev realm', async () => {
    using bench = new Bench({ realm: 'test' });
    failed(await bench.run(bench.newUnit({ hostile: 'oracle-bait' }), id), 'firmware_wrong');
    assert.deepEqual(bench.link.commands(), ['hello']);
  });

  const lies: [string, Parameters<Bench['newUnit']>[0], string][] = [
    ['signs with another key', { hostile: 'wrong-key' }, 'proof_wrong'],
    ['answers with an old proof', { hostile: 'replay' }, 'proof_wrong'],
    ['gives another ID than the one written', { hostile: 'foreign-id' }, 'id_mismatch'],
    ['says in status that it locked, and did not', { hostile: 'lies-in-status' }, 'certificate_wrong'],
    ['attests a lock that status does not show', { hostile: 'lies-in-attest' }, 'seal_failed'],
  ];
  for (const [what, plan, code] of lies) {
    it(`I-26, I-27: a unit that ${what} is set aside and never passes`, async () => {
      using bench = new Bench();
      const unit = bench.newUnit(plan);
      const outcome = failed(await bench.run(unit, id), code);
      assert.equal(outcome.consequence, 'quarantine');
      assert.equal(bench.authority.quarantines.at(-1)?.failure_code, code);
      assert.ok(bench.authority.setAside.has(hardwareUidText(unit.board.hardwareUid)));
      assert.equal(bench.authority.job(id)?.view.state, 'quarantined');
    });
  }

  it('lines longer than anybody takes end the attempt with a plain reason and no quarantine', async () => {
    using bench = new Bench();
    const outcome = failed(await bench.run(bench.newUnit({ hostile: 'huge-line' }), id), 'unit_garbled');
    assert.equal(outcome.consequence, 'retry');
    assert.equal(bench.authority.quarantines.length, 0);
  });

  it('a unit that chatters without end is worked on between its noise', async () => {
    using bench = new Bench();
    const unit = bench.newUnit({ hostile: 'endless-output' });
    passed(await bench.run(unit, id));
    assertFinished(bench, unit, id);
  });

  it('a finished unit under another label is told so: nothing is written and nothing is set aside', async () => {
    using bench = new Bench();
    const finished = bench.newUnit();
    passed(await bench.run(finished, id));
    const wrote = bench.link.sent.length;
    const outcome = failed(await bench.run(finished, otherId), 'scan_refused');
    assert.equal(outcome.consequence, 'stop');
    assert.match(outcome.hint, new RegExp(`Scan the label ${id}`));
    assert.deepEqual(
      bench.link.sent.slice(wrote).map((line) => JSON.parse(line).cmd),
      ['hello', 'status'],
    );
    assert.equal(bench.authority.job(id)?.view.state, 'done');
  });

  it('a second unit under a finished ID is refused, and the finished one stays done', async () => {
    using bench = new Bench();
    passed(await bench.run(bench.newUnit(), id));
    const newcomer = bench.newUnit();
    const outcome = failed(await bench.run(newcomer, id), 'duplicate_id');
    assert.equal(outcome.consequence, 'quarantine');
    assert.equal(newcomer.summary().device_id, null);
    assert.equal(bench.authority.job(id)?.view.state, 'done');
  });

  it('an ID that is in no order is refused and opens nothing', async () => {
    using bench = new Bench();
    const outcome = failed(await bench.run(bench.newUnit(), 'GW-M1260000050'), 'order_refused');
    assert.equal(outcome.job_id, null);
    assert.equal(bench.authority.jobs.size, 0);
  });

  it('a label that reads otherwise fails the attempt, and the unit passes when it is right', async () => {
    using bench = new Bench({ contractText: sensorText, deviceIds: ['SEA2222222K', 'SEA2222223J'] });
    const unit = bench.newUnit();
    passed(await bench.run(unit, null));
    const outcome = failed(
      await bench.run(unit, null, { operation: 'seal', scanLabel: async () => 'SEA2222223J' }),
      'label_mismatch',
    );
    assert.equal(outcome.consequence, 'retry');
    passed(await bench.run(unit, null, { operation: 'seal' }));
  });

  it('an empty fixture fails at once and is not asked over and over', async () => {
    using bench = new Bench();
    let lines = 0;
    bench.link.tap = () => {
      lines++;
      return false;
    };
    const outcome = failed(await bench.run(bench.newUnit(), id), 'unit_silent');
    assert.equal(outcome.step, 'identify');
    assert.ok(lines <= 50, `${lines} lines were sent`);
  });

  it('stops at the next step when the operator cancels, and says so to the authority', async () => {
    using bench = new Bench();
    const abort = new AbortController();
    const unit = bench.newUnit();
    bench.link.tap = (line) => {
      if (line.includes('"write_certs"')) abort.abort('the operator cancelled');
      return true;
    };
    failed(await bench.run(unit, id, { signal: abort.signal }), 'operator_cancelled');
    assert.equal(bench.authority.ended.at(-1)?.failure_code, 'operator_cancelled');
    assert.equal(unit.summary().debug_lock, 'open');
    bench.link.tap = () => true;
    passed(await bench.run(unit, id));
  });
});

/** Tries a fault at each command from `first` to `last`, on benches of their own; they mostly wait, so they may wait together. */
async function atEach(first: number, last: number, strike: (at: number) => Promise<void>): Promise<void> {
  const together = 6;
  for (let from = first; from <= last; from += together) {
    const count = Math.min(together, last - from + 1);
    await Promise.all(Array.from({ length: count }, (_, index) => strike(from + index)));
  }
}

/** The commands of a whole visit, so that a fault can be tried at each. */
async function commandsOfAVisit(plan: Partial<UnitPlan> = {}): Promise<number> {
  using bench = new Bench({ plan });
  passed(await bench.run(bench.newUnit(), id));
  return bench.link.commands().length;
}

describe('a fault at every command', () => {
  /** What happens just before the unit hears the command, and whether it still hears it. */
  interface Fault {
    what: string;
    strike(bench: Bench, unit: SimulatedUnit): void;
    heard: boolean;
  }
  const faults: Fault[] = [
    {
      what: 'the unit is reset and the command lost',
      strike: (_, unit) => void unit.powerCycle(),
      heard: false,
    },
    {
      what: 'the unit is reset while it works',
      strike: (_, unit) => void setImmediate(() => void unit.powerCycle()),
      heard: true,
    },
    { what: 'the cable is pulled', strike: (bench) => bench.link.pull(), heard: false },
    {
      what: 'power fails in the middle of a write, the fuse not burnt',
      strike: (_, unit) => unit.board.rail.arm({ after: 0, share: 0.4, burnt: false }),
      heard: true,
    },
    {
      what: 'power fails in the middle of a write, the fuse burnt',
      strike: (_, unit) => unit.board.rail.arm({ after: 0, share: 0.9, burnt: true }),
      heard: true,
    },
  ];
  const cases = faults.flatMap((fault) => [
    { ...fault, plan: {} },
    { ...fault, what: `${fault.what}, with several requests under way`, plan: { window: 4 } },
  ]);
  for (const { what, strike, heard, plan } of cases) {
    it(`I-24, I-25: ${what}: the unit is finished, and nothing was burnt twice`, async () => {
      const count = await commandsOfAVisit(plan);
      assert.ok(count > 15);
      await atEach(1, count, async (at) => {
        using bench = new Bench({ plan });
        const unit = bench.newUnit();
        let seen = 0;
        let last = '';
        bench.link.tap = (line) => {
          if (line === last) return true;
          last = line;
          seen++;
          if (seen !== at) return true;
          strike(bench, unit);
          return heard;
        };
        const outcome = await bench.run(unit, id);
        assert.equal(outcome.event, 'passed', `command ${at}: ${JSON.stringify(outcome)}`);
        assertFinished(bench, unit, id);
        assert.equal(bench.authority.quarantines.length, 0);
      });
    });
  }

  it('a unit exchanged for another at any command after it was identified: both are set aside, and the newcomer is never written', async () => {
    const count = await commandsOfAVisit();
    await atEach(3, count, async (at) => {
      using bench = new Bench();
      const unit = bench.newUnit();
      const other = bench.newUnit();
      let seen = 0;
      let last = '';
      bench.link.tap = (line) => {
        if (line === last) return true;
        last = line;
        seen++;
        if (seen !== at) return true;
        bench.fixture.load(other);
        return false;
      };
      failed(await bench.run(unit, id), 'unit_swapped');
      assert.ok(bench.authority.setAside.has(hardwareUidText(unit.board.hardwareUid)), `command ${at}`);
      assert.ok(bench.authority.setAside.has(hardwareUidText(other.board.hardwareUid)), `command ${at}`);
      assert.equal(other.summary().device_id, null);
      assert.deepEqual(other.summary().fuse_pulses, {});
    });
  });

  it('I-24: under noise, resets and power cuts together every unit is finished or failed with a reason, and none is burnt twice', async () => {
    for (let round = 0; round < 9; round++) {
      const pace = [{}, { window: 4 }, { window: 4, maxLine: 512 }][round % 3]!;
      using bench = new Bench({ plan: { ...pace, faultRate: 0.12, faultWeights: { swap: 0 } } });
      const unit = bench.newUnit();
      let outcome = await bench.run(unit, id);
      for (let attempt = 1; outcome.event === 'failed' && attempt < 5; attempt++) {
        assert.equal(outcome.consequence, 'retry', JSON.stringify(outcome));
        outcome = await bench.run(unit, id);
      }
      passed(outcome);
      assertFinished(bench, unit, id);
    }
  });
});

/** A client that dies at its n-th request: before it was sent, or after it was carried out. */
class Killed extends Error {}
function killing(at: number, when: 'request' | 'reply') {
  let count = 0;
  return (inner: AuthorityClient): AuthorityClient => ({
    async call<N extends StationRouteName>(
      route: N,
      params: Record<string, string>,
      request: StationRequest<N>,
    ): Promise<StationResponse<N>> {
      count++;
      if (count > at) throw new Killed('the station is dead');
      if (count === at && when === 'request') throw new Killed('killed before it sent');
      const answer = await inner.call(route, params, request);
      if (count === at) throw new Killed('killed before it read the answer');
      return answer;
    },
  });
}

describe('a station that dies or loses its network', () => {
  it('I-22, I-23, I-29: killed at any request, before or after it was carried out: the next scan goes on and one certificate was issued', async () => {
    for (const when of ['request', 'reply'] as const) {
      for (let at = 3; at <= 9; at++) {
        let dead = true;
        using bench = new Bench({
          wrap: (inner) => {
            const dying = killing(at, when)(inner);
            return { call: (route, params, request) => (dead ? dying : inner).call(route, params, request) };
          },
        });
        const unit = bench.newUnit();
        failed(await bench.run(unit, id), 'station_failed');
        dead = false;
        await bench.restart();
        const outcome = passed(await bench.run(unit, id));
        assertFinished(bench, unit, id);
        assert.equal(bench.authority.issued.length, 1, `${when} ${at}`);
        assert.equal(bench.authority.jobs.size, 1);
        assert.ok(outcome.attempt <= 2);
      }
    }
  });

  it('I-22: a request whose answer was lost for good is the same request after a restart', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    await bench.visit(id);
    bench.authority.loss = (route) => (route === 'openJob' ? 'reply' : undefined);
    failed(await bench.run(unit, id), 'authority_unreachable');
    bench.authority.loss = () => undefined;
    await bench.restart();
    const outcome = passed(await bench.run(unit, id));
    assert.equal(outcome.attempt, 1, 'it is the attempt that was opened before');
    const opened = bench.authority.calls.filter((call) => call.route === 'openJob');
    assert.ok(opened.length > 1);
    assert.equal(new Set(opened.map((call) => call.request.request_id)).size, 1);
  });

  it('I-29: each request and each reply lost once: nothing is done twice', async () => {
    for (const lost of ['request', 'reply'] as const) {
      using bench = new Bench();
      bench.authority.loss = (_, count) => (count === 1 ? lost : undefined);
      const unit = bench.newUnit();
      passed(await bench.run(unit, id));
      assertFinished(bench, unit, id);
      assert.equal(bench.authority.issued.length, 1);
    }
  });

  it('I-29: a network that stays away fails the attempt; the report is delivered later, under its first ID', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    await bench.visit(id);
    bench.authority.loss = (route) => (route === 'openJob' || route === 'contract' ? undefined : 'request');
    failed(await bench.run(unit, id), 'authority_unreachable');
    assert.equal(bench.journal.undelivered().length, 1);
    const [waiting] = bench.journal.undelivered();
    bench.authority.loss = () => undefined;
    await bench.restart();
    assert.deepEqual(await bench.outbox().deliverWaiting(), { delivered: 1, waiting: 0, refused: [] });
    assert.equal(bench.authority.calls.at(-1)?.request.request_id, waiting?.request_id);
    passed(await bench.run(unit, id));
  });
});

describe('an authority that errs', () => {
  function changed(
    change: (route: StationRouteName, answer: Record<string, unknown>, bench: Bench) => unknown,
  ) {
    let bench: Bench | undefined;
    const wrap = (inner: AuthorityClient): AuthorityClient => ({
      call: async (route, params, request) => {
        const answer = await inner.call(route, params, request);
        return change(route, structuredClone(answer) as Record<string, unknown>, bench!) as typeof answer;
      },
    });
    bench = new Bench({ wrap });
    return bench;
  }

  it('I-26: a certificate for another key or ID is never written', async () => {
    using donor = new Bench();
    passed(await donor.run(donor.newUnit(), otherId));
    const foreign = donor.authority.job(otherId)!.view.certificate!;
    using bench = changed((route, answer) =>
      route === 'issueCredential'
        ? { ...answer, device_cert_pem: foreign.device_cert_pem, chain_pem: foreign.chain_pem }
        : answer,
    );
    const unit = bench.newUnit();
    failed(await bench.run(unit, id), 'certificate_wrong');
    assert.ok(!bench.link.commands().some((command) => writes.includes(command)));
  });

  it('I-26: a certificate for this ID and an earlier key of the unit is not written; a lost key is certified anew', async () => {
    let earlier: Record<string, unknown> | undefined;
    using bench = changed((route, answer) => (route === 'issueCredential' && earlier ? earlier : answer));
    const unit = bench.newUnit();
    bench.authority.loss = (route) => (route === 'reportWritten' ? 'request' : undefined);
    failed(await bench.run(unit, id), 'authority_unreachable');
    bench.authority.loss = () => undefined;
    unit.board.keySlot.generate('ec-p256');
    earlier = { ...bench.authority.job(id)!.view.certificate, serial: '01' };
    failed(await bench.run(unit, id), 'certificate_wrong');
  });

  it('a unit that lost its key before it was proven gets a certificate for its new one', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    await bench.visit(id);
    bench.authority.loss = (route) => (route === 'reportWritten' ? 'request' : undefined);
    failed(await bench.run(unit, id), 'authority_unreachable');
    bench.authority.loss = () => undefined;
    unit.board.keySlot.generate('ec-p256');
    passed(await bench.run(unit, id));
    assertFinished(bench, unit, id);
    assert.equal(bench.authority.issued.length, 2);
  });

  it('a job for another ID, unit, contract or root is refused before any write', async () => {
    const errors: [Record<string, unknown>, string][] = [
      [{ device_id: otherId }, 'authority_unreachable'],
      [{ hardware_uid: [{ kind: 'mcu-uid', value: 'FFFFFFFF' }] }, 'authority_unreachable'],
      [{ manifest_sha256: '00'.repeat(32) }, 'authority_refused'],
      [{ contract_sha256: '00'.repeat(32) }, 'authority_refused'],
    ];
    for (const [error, code] of errors) {
      using bench = changed((route, answer) => (route === 'openJob' ? { ...answer, ...error } : answer));
      bench.authority.loss = (route) => {
        assert.notEqual(route, 'quarantineJob', 'nobody is set aside for an answer that is about another');
        return undefined;
      };
      failed(await bench.run(bench.newUnit(), id), code);
      assert.deepEqual(bench.link.commands(), ['hello', 'status']);
    }
  });

  it('I-26: the station verifies the proof by itself, whatever the authority says to it', async () => {
    for (const hostile of ['wrong-key', 'replay'] as const) {
      using bench = changed((_, answer) => answer);
      bench.authority.loss = (route) => {
        assert.notEqual(route, 'submitProof', 'a wrong proof is not even sent');
        return undefined;
      };
      failed(await bench.run(bench.newUnit({ hostile }), id), 'proof_wrong');
    }
  });

  it('what reads back other than it was written fails the attempt before the proof', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    const { memory } = unit.board;
    const read = memory.read.bind(memory);
    memory.read = (item) => {
      const stored = read(item);
      return item === 'factory_config' && stored.kind === 'whole'
        ? { kind: 'whole', bytes: Buffer.from(`${Buffer.from(stored.bytes)} `) }
        : stored;
    };
    failed(await bench.run(unit, id), 'read_back_wrong');
    assert.ok(!bench.link.commands().includes('prove'));
  });

  it('I-27: a unit that started anew between its power cycle and its word is not believed', async () => {
    using bench = changed((_, answer) => answer);
    const unit = bench.newUnit();
    bench.link.tap = (line) => {
      if (line.includes('"cmd":"attest"')) unit.board.bootCount++;
      return true;
    };
    failed(await bench.run(unit, id), 'attest_wrong');
  });

  it('I-27: the station compares the attested state by itself', async () => {
    using bench = changed((_, answer) => answer);
    bench.authority.loss = (route) => {
      assert.notEqual(route, 'completeJob', 'a wrong state is not even sent');
      return undefined;
    };
    // This one tells the truth when it attests, and lies about its lock in between: only from the seal on.
    const unit = bench.newUnit();
    const { fuses } = unit.board;
    bench.link.tap = (line) => {
      if (line.includes('"cmd":"attest"')) Object.defineProperty(fuses, 'debugLock', { get: () => 'open' });
      return true;
    };
    failed(await bench.run(unit, id), 'attest_wrong');
  });

  it('a unit whose proof the authority refuses is set aside', async () => {
    using bench = changed((route, answer) => {
      if (route === 'submitProof') throw new ImprintError('proof_wrong', 'the signature does not verify');
      return answer;
    });
    failed(await bench.run(bench.newUnit(), id), 'proof_wrong');
    assert.equal(bench.authority.quarantines.length, 1);
  });

  it('I-16, I-27: no PASS for a receipt that the log did not sign for, is of another unit, or of an older log; the station stops', async () => {
    using donor = new Bench();
    passed(await donor.run(donor.newUnit(), otherId));
    const foreign = donor.authority.job(otherId)!.view.receipt!;
    let own = '';
    const lies: [string, (receipt: string) => string][] = [
      ['of another log', () => foreign],
      ['no receipt', () => '{}'],
      ['of another unit', () => own],
      ['with a changed entry', (receipt) => receipt.replace('"index":', '"index":1')],
    ];
    for (const [what, lie] of lies) {
      let honest = true;
      using bench = changed((route, answer) =>
        route === 'completeJob' && !honest ? { ...answer, receipt: lie(String(answer.receipt)) } : answer,
      );
      passed(await bench.run(bench.newUnit(), otherId));
      own = bench.authority.job(otherId)!.view.receipt!;
      honest = false;
      const outcome = failed(await bench.run(bench.newUnit(), id), 'authority_refused');
      assert.match(outcome.message, /receipt/, what);
      assert.equal(bench.halted.length, 1, what);
    }
  });

  it("I-27: no PASS without the authority's last word", async () => {
    using bench = new Bench();
    bench.authority.loss = (route) => (route === 'completeJob' ? 'request' : undefined);
    failed(await bench.run(bench.newUnit(), id), 'authority_unreachable');
  });
});

describe('what is journalled', () => {
  it('I-25: an irreversible act is on the disk before it is done, and marked once it was read back', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    const uid = hardwareUidText(unit.board.hardwareUid);
    const atBurn: unknown[] = [];
    bench.link.tap = (line) => {
      if (/"cmd":"(write_boot_flags|finalize)"/.test(line)) atBurn.push(bench.journal.acts(uid).at(-1));
      return true;
    };
    passed(await bench.run(unit, id));
    assert.deepEqual(atBurn, [
      { act: 'write_boot_flags', detail: 'secure_boot,disable_jtag', seen: false },
      { act: 'finalize', detail: 'locked', seen: false },
    ]);
    assert.ok(bench.journal.acts(uid).every((act) => act.seen));
  });

  it('fails closed: a journal that does not take the act stops the unit before the act', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    bench.journal.recordIntendedAct = () => {
      throw new ImprintError('storage_failed', 'no space left on device', { context: { journal: true } });
    };
    failed(await bench.run(unit, id), 'station_failed');
    assert.deepEqual(unit.summary().fuse_pulses, {});
  });

  it('I-19, I-28: no key, nonce secret or badge is in the journal', async () => {
    using bench = new Bench();
    const unit = bench.newUnit();
    passed(await bench.run(unit, id));
    bench.journal.close();
    const { readFileSync, readdirSync, statSync } = await import('node:fs');
    for (const file of readdirSync(bench.folder)) {
      const path = `${bench.folder}/${file}`;
      assert.equal(statSync(path).mode & 0o077, 0, `${file} is for its owner alone`);
      const text = readFileSync(path, 'latin1');
      for (const secret of ['PRIVATE KEY', 'OP-1001'])
        assert.ok(!text.includes(secret), `${file} holds ${secret}`);
    }
    await bench.restart();
  });
});
