/** For tests: a line that lives now, finished units of it, and the listener for devices over real TLS on loopback. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { LifecycleState } from '@imprint/contract/lifecycle';
import { toPem } from '@imprint/contract/x509/pem';
import {
  gateway,
  type Line,
  openLine,
  productOf,
  type TestProduct,
  TestUnit,
} from '../jobs/line.test-kit.ts';
import type { LineCore } from '../jobs/line-core.ts';
import { deviceOf, doneUnit } from '../jobs/walk.test-kit.ts';
import { bring } from '../lifecycle/lifecycle.test-kit.ts';
import { GatheredContacts } from '../onboarding/contacts.ts';
import { type DeviceDecisions, deviceDecisions } from '../onboarding/device-decisions.ts';
import { certifyDeviceServer, type DeviceServerIdentity } from '../onboarding/device-server.ts';
import { findCredential } from '../onboarding/found-credential.ts';
import { makeKey } from '../signer/software.ts';
import { trustedCas } from '../trust/issuers.ts';
import { createDeviceListener, type DeviceListener, type DeviceListenerOptions } from './device-listener.ts';
import { type Answer, ask } from './listeners.test-kit.ts';

/** A unit with what the line wrote into it. */
export interface FieldUnit {
  deviceId: string;
  key: KeyObject;
  /** DER. */
  certificate: Uint8Array;
  chainPem: string;
  hardwareUid: { kind: string; value: string }[];
}

export interface TestDevices extends DeviceListener {
  line: Line;
  decisions: DeviceDecisions;
  contacts: GatheredContacts;
  identity: DeviceServerIdentity;
  port: number;
  faults: unknown[];
  /** Moves the clock by which contacts are paced, and no other. */
  passMonotonic: (ms: number) => void;
  /** A finished unit, brought through those states. */
  unit: (deviceId: string, ...states: LifecycleState[]) => Promise<FieldUnit>;
  close: () => Promise<void>;
}

export const firmware = { build_id: 'fw-9', sha256: 'ab'.repeat(32), rollback_counter: 9 };
export const report = { firmware, configuration: null };

/**
 * OpenSSL judges certificates by the machine's clock, so this line lives now, or so many days behind for tests in which time passes.
 * `change` replaces text of the contract.
 */
export async function openTestDevices(
  ids: string[],
  options: Partial<DeviceListenerOptions> | ((core: LineCore) => Partial<DeviceListenerOptions>) = {},
  change: (contract: string) => string = (text) => text,
  daysBehind = 0,
): Promise<TestDevices> {
  const begin = new Date(Date.now() - (2 + daysBehind) * 86_400_000);
  const daysLater = (days: number) => new Date(begin.getTime() + days * 86_400_000).toISOString();
  const order = { opens_at: daysLater(-1), closes_at: daysLater(30) };
  const product: TestProduct = productOf(change(gateway.text));
  const line = await openLine(ids, { ...order }, 8, product, 'dev', begin);
  line.pass(2 * 86_400_000);
  const { core } = line;
  const decisions = deviceDecisions(core);
  const contacts = new GatheredContacts();
  const identity = await certifyDeviceServer(
    { ...core, organization: 'Example', makeKey, spkiOf, hosts: ['devices.example.com'] },
    core.clock(),
  );
  const faults: unknown[] = [];
  let monotonicMs = 0;
  const made = createDeviceListener({
    realm: 'dev',
    hosts: ['devices.example.com'],
    tls: {
      key: identity.key,
      certificateChainPem: identity.certificateChainPem,
      deviceCaPem: await deviceCaPem(line),
    },
    find: findCredential(core.ledger.reader),
    successorDays: async (sha256) =>
      (await core.contracts.get(core.ledger.reader, sha256)).credential.profile.successor_days,
    decisions,
    contacts,
    clock: core.clock,
    monotonicMs: () => monotonicMs,
    report: (error) => void faults.push(error),
    ...(typeof options === 'function' ? options(core) : options),
  });
  await made.listener.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...made,
    line,
    decisions,
    contacts,
    identity,
    port: (made.listener.server.address() as AddressInfo).port,
    faults,
    passMonotonic: (ms) => {
      monotonicMs += ms;
    },
    unit: async (deviceId, ...states) => {
      const walk = await doneUnit(line, new TestUnit(`unit-${deviceId}`, product), deviceId);
      await bring(line, deviceId, 'manufactured');
      for (const to of states) await moveTo(line, deviceId, to);
      return {
        deviceId,
        key: walk.unit.key,
        certificate: walk.der,
        chainPem: walk.chainPem,
        hardwareUid: walk.unit.hardwareUid,
      };
    },
    close: async () => {
      await made.listener.close();
      await line.close();
    },
  };
}

export async function deviceCaPem({ core }: Line): Promise<string> {
  const cas = await trustedCas(core.ledger.reader, 'device');
  return cas.map((der) => toPem('CERTIFICATE', der)).join('') + core.rootPem;
}

const spkiOf = (key: KeyObject) => createPublicKey(key).export({ format: 'der', type: 'spki' });

/** From where it is into that state, by the log alone. */
export async function moveTo(line: Line, deviceId: string, to: LifecycleState): Promise<void> {
  const { device } = await deviceOf(line, deviceId);
  await line.record({
    type: 'device.transitioned',
    actor: to === 'activated' ? { kind: 'device', id: deviceId } : { kind: 'person', id: 'lead' },
    data: { device_id: deviceId, from: device.state, to, reason: `it becomes ${to}` },
  });
}

export interface Connection {
  agent: Agent;
  ask: (path: string, body?: unknown) => Promise<Answer>;
  hello: (change?: object) => Promise<Answer>;
}

/** One connection that is kept, which trusts the root that devices pin and nothing else. */
export function connect(
  test: Pick<TestDevices, 'line' | 'port'>,
  unit?: Pick<FieldUnit, 'key' | 'certificate' | 'chainPem'>,
  more: { localAddress?: string; maxVersion?: 'TLSv1.2' | 'TLSv1.3' } = {},
): Connection {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    ca: test.line.core.rootPem,
    ...(unit && {
      key: unit.key.export({ format: 'pem', type: 'pkcs8' }) as string,
      cert: toPem('CERTIFICATE', unit.certificate) + unit.chainPem,
    }),
    ...more,
  });
  const askPath = (path: string, body?: unknown) =>
    ask(test, agent, {
      method: body === undefined ? 'GET' : 'POST',
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    agent,
    ask: askPath,
    hello: (change = {}) => askPath('/v1/device/hello', { ...report, ...change }),
  };
}
