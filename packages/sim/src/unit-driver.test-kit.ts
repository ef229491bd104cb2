/** A bare station for tests of the unit: it asks one thing at a time and keeps every byte that ever came back. */
import { createHash } from 'node:crypto';
import { type FramedReply, type FramedRequest, frameLine, parseReplyLine } from '@imprint/contract/dut/frame';
import type { SimulatedUnit } from './simulated-unit.ts';
import type { TestRealm } from './test-realm.test-kit.ts';
import type { UnitPlan } from './unit-plan.ts';

export const hash = (text: string) => createHash('sha256').update(text).digest('hex');
export const nonce = hash('nonce');
export const asked = { job: 'job-1', attempt: 1, nonce };
export const factoryConfig = JSON.stringify({
  contract_sha256: hash('contract'),
  log_id: hash('log'),
  realm: 'dev',
});

export function planFor(realm: Pick<TestRealm, 'rootSha256'>, changes: Partial<UnitPlan> = {}): UnitPlan {
  return {
    seed: 'test',
    firmware: {
      product: 'gateway',
      buildId: 'fw-1',
      sha256: hash('firmware'),
      rollbackCounter: 4,
      realm: 'dev',
      rootSha256: realm.rootSha256,
      storageMapSha256: hash('storage map'),
      features: [],
      keySlot: 0,
      keyTypes: ['ec-p256', 'ec-p384', 'ed25519'],
    },
    hwRev: 'B2',
    uidKinds: ['mcu-uid', 'secure-element-serial'],
    bootFlagNames: ['secure_boot', 'disable_jtag'],
    places: [],
    factoryKeyType: 'ec-p256',
    protocol: 'full',
    maxLine: 4096,
    bootDelayMs: 0,
    ...changes,
  };
}

export class UnitDriver {
  readonly unit: SimulatedUnit;
  /** Everything that the unit ever sent. */
  output = '';
  seq = 0;
  #lines: string[] = [];
  #partial = '';
  #wake: (() => void) | undefined;

  constructor(unit: SimulatedUnit) {
    this.unit = unit;
    unit.onOutput((bytes) => {
      const text = Buffer.from(bytes).toString('utf8');
      this.output += text;
      const lines = (this.#partial + text).split('\n');
      this.#partial = lines.pop()!;
      this.#lines.push(...lines.map((line) => line.trimEnd()).filter((line) => line !== ''));
      this.#wake?.();
    });
  }

  /** The next line that the unit sends or has sent. */
  async nextLine(): Promise<string> {
    while (this.#lines.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift()!;
  }

  /** Waits until the unit says that it booted. */
  async booted(): Promise<void> {
    while (!(await this.nextLine()).startsWith('boot ')) {}
  }

  send(line: string): void {
    this.unit.receive(Buffer.from(`${line}\n`));
  }

  sendFramed(request: FramedRequest): void {
    this.send(frameLine(request));
  }

  /** Sends a line and gives the next one that comes. */
  raw(line: string): Promise<string> {
    this.send(line);
    return this.nextLine();
  }

  async framed(request: FramedRequest): Promise<FramedReply> {
    const line = await this.raw(frameLine(request));
    const parsed = parseReplyLine(line);
    if (parsed.kind !== 'frame') throw new Error(`${parsed.kind}: ${line}`);
    return parsed.frame;
  }

  async hello(): Promise<FramedReply> {
    this.seq = 0;
    return this.framed({ seq: 0, cmd: 'hello', payload: { versions: [1] } });
  }

  async ask(cmd: string, payload: Record<string, unknown> = {}): Promise<FramedReply> {
    this.seq++;
    return this.framed({ seq: this.seq, cmd, payload });
  }

  /** Asks, and throws where the unit refuses. */
  async must(cmd: string, payload: Record<string, unknown> = {}): Promise<FramedReply> {
    const reply = await this.ask(cmd, payload);
    if (!reply.ok) throw new Error(`${cmd}: ${reply.error} ${reply.detail}`);
    return reply;
  }

  async makeKey(type = 'ec-p256'): Promise<Uint8Array> {
    await this.must('generate_key', { slot: 0, type, replace: false });
    return this.unit.board.keySlot.publicKey()!.spki;
  }

  /** Everything up to a unit that can prove itself. */
  async provision(realm: TestRealm, deviceId = 'GW-1', type = 'ec-p256'): Promise<string> {
    await this.hello();
    const leaf = await realm.leaf(deviceId, await this.makeKey(type));
    await this.must('write_trust_anchor', { trust_anchor_pem: realm.rootPem });
    await this.must('set_device_id', { device_id: deviceId });
    await this.must('write_factory_config', { config: factoryConfig });
    await this.must('write_certs', { device_cert_pem: leaf, chain_pem: realm.chainPem });
    return leaf;
  }
}
