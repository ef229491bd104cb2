/** `imprint sim`: simulated units behind TCP ports or pseudo-terminals, steered by JSON lines on standard input. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { ImprintError } from '@imprint/contract/errors';
import { storageMapSha256 } from '@imprint/contract/factory-config';
import { limits } from '@imprint/contract/limits';
import { parseProvisioningContract } from '@imprint/contract/provisioning-contract';
import { type ControlEvent, control, controlLineBytes } from '@imprint/sim/control';
import { type HostileMode, hostileModes, isHostileMode } from '@imprint/sim/hostile';
import { openPtyFixture } from '@imprint/sim/pty-fixture';
import { SimulatedFloor } from '@imprint/sim/simulated-floor';
import { type OpenFixture, openTcpFixture } from '@imprint/sim/tcp-fixture';
import { planFromContract, type UnitPlan } from '@imprint/sim/unit-plan';
import { type Command, Option } from 'commander';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { untilStopped } from '../until-stopped.ts';

interface SimOptions {
  units: number;
  firstUnit: number;
  fixtures: number;
  link: 'tcp' | 'pty';
  contract: string;
  root?: string;
  realm: 'dev' | 'test' | 'prod';
  seed: string;
  faults: number;
  keyDelayMs: number;
  commandDelayMs: number;
  baud?: number;
  maxLine: number;
  window: number;
  protocol: 'full' | 'article';
  hostile?: HostileMode;
  devBuild?: boolean;
  json?: boolean;
}

const articleMaxLine = limits.dutLineBytes;

/** Adds the command `sim`. */
export function addSimCommand(program: Command): void {
  program
    .command('sim')
    .description('run simulated units on TCP ports or pseudo-terminals')
    .addOption(whole('--units <n>', 'how many units there are', 1, limits.orderQuantity).default(1))
    .addOption(
      whole(
        '--first-unit <n>',
        'number of the first unit; seed and number decide its identity',
        1,
        limits.orderQuantity,
      ).default(1),
    )
    .addOption(
      whole('--fixtures <n>', 'how many fixtures they are laid into', 1, limits.lanesPerStation).default(1),
    )
    .addOption(
      new Option('--link <kind>', 'what the fixtures are plugged into')
        .choices(['tcp', 'pty'])
        .default('tcp'),
    )
    .requiredOption('--contract <file>', 'provisioning contract of the product')
    .option(
      '--root <file>',
      'root certificate that the firmware pins, PEM (not needed for --protocol article)',
    )
    .addOption(
      new Option('--realm <realm>', 'realm of the firmware').choices(['dev', 'test', 'prod']).default('dev'),
    )
    .option('--seed <text>', 'identifiers, keys and faults follow from it', '1')
    .addOption(share('--faults <rate>', 'share of exchanges that are disturbed, 0 to 1').default(0))
    .addOption(whole('--key-delay-ms <ms>', 'time that making a key takes', 0, 60_000).default(5))
    .addOption(
      whole('--command-delay-ms <ms>', 'time that every command takes besides', 0, 60_000).default(0),
    )
    .addOption(
      whole('--baud <rate>', 'pace the bytes as a serial line does (default: no pacing)', 300, 10_000_000),
    )
    .addOption(
      whole(
        '--max-line <bytes>',
        'longest line that the units take',
        limits.dutLineBytesMin,
        limits.dutLineBytes,
      ).default(4096),
    )
    .addOption(
      whole(
        '--window <n>',
        'requests that the units take before the first is answered',
        1,
        limits.dutWindow,
      ).default(1),
    )
    .addOption(
      new Option('--protocol <kind>', 'article: four plain commands and nothing else')
        .choices(['full', 'article'])
        .default('full'),
    )
    .addOption(new Option('--hostile <mode>', 'units that lie').choices(Object.keys(hostileModes)))
    .option('--dev-build', 'firmware that still signs challenges, as the dev realm alone accepts it')
    .option('--json', 'say everything as one JSON object a line')
    .addHelpText(
      'after',
      `
While it runs, each line on standard input is one of
  {"load":{"fixture":1,"unit":7}}    {"unload":{"fixture":1}}    {"power":{"fixture":1,"on":false}}
  {"report":true}                    {"csr":{"unit":7}}
and it ends when standard input is closed.

Hostile modes:
${Object.entries(hostileModes)
  .map(([mode, what]) => `  ${mode.padEnd(16)} ${what}`)
  .join('\n')}

Example:
  imprint sim --units 10 --contract examples/contracts/gateway.yaml --root dev/root.pem`,
    )
    .action((options: SimOptions) => runSim(options));
}

async function runSim(options: SimOptions): Promise<void> {
  // Whoever reads that the units are ready may send the signal at once.
  const stopped = untilStopped();
  const plan = planOf(options);
  const say = (event: ControlEvent) =>
    process.stdout.write(`${options.json ? JSON.stringify(event) : sentence(event)}\n`);
  const folder = options.link === 'pty' ? mkdtempSync(join(tmpdir(), 'imprint-sim-')) : undefined;
  const fixtures: OpenFixture[] = [];
  try {
    for (let fixture = 1; fixture <= options.fixtures; fixture++) {
      const pace = { baud: options.baud };
      fixtures.push(
        folder === undefined
          ? await openTcpFixture(pace)
          : await openPtyFixture({ ...pace, path: join(folder, `fixture-${fixture}`) }),
      );
    }
    const floor = new SimulatedFloor({
      plan,
      firstUnit: options.firstUnit,
      units: options.units,
      fixtures,
      onSwap: (swap) => say({ event: 'swapped', ...swap }),
    });
    say({
      event: 'ready',
      fixtures: fixtures.map(({ port }, at) => ({ fixture: at + 1, port })),
      units: options.units,
    });
    await steer(floor, say, stopped);
  } finally {
    await Promise.all(fixtures.map((fixture) => fixture.close()));
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Carries out what comes in, in order, until standard input ends, the reader is gone, or a signal comes. */
function steer(
  floor: SimulatedFloor,
  say: (event: ControlEvent) => void,
  stopped: Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const splitter = new LineSplitter(controlLineBytes);
    let done: Promise<void> = Promise.resolve();
    const take = (bytes: Buffer) => {
      const { lines, dropped } = splitter.push(bytes);
      if (dropped > 0) say({ event: 'refused', reason: `A line holds at most ${controlLineBytes} bytes.` });
      for (const line of lines) done = done.then(async () => say(await control(floor, line)));
      done.catch(reject);
    };
    const end = () => {
      process.stdin.removeListener('data', take);
      process.stdin.pause();
      done.then(resolve, reject);
    };
    process.stdin.on('data', take);
    process.stdin.once('end', end);
    process.stdout.once('error', end);
    void stopped.then(end);
  });
}

function planOf(options: SimOptions): UnitPlan {
  const text = readBoundedFile(options.contract, limits.yamlBytes);
  const { contract } = parseProvisioningContract(text, options.contract);
  const isArticle = options.protocol === 'article';
  if (options.root === undefined && !isArticle) {
    throw new ImprintError('usage', 'A unit that checks what it is given needs the root that it pins.', {
      hint: 'Give --root FILE, or --protocol article.',
    });
  }
  const plan = planFromContract({
    contract,
    storageMapSha256: storageMapSha256(contract),
    realm: options.realm,
    rootSha256: options.root === undefined ? '0'.repeat(64) : rootSha256(options.root),
    seed: options.seed,
  });
  const { commandDelayMs, hostile } = options;
  return {
    ...plan,
    firmware: { ...plan.firmware, features: options.devBuild ? ['sign-challenge'] : [] },
    protocol: options.protocol,
    maxLine: isArticle ? articleMaxLine : options.maxLine,
    window: options.window,
    keyDelayMs: options.keyDelayMs,
    faultRate: options.faults,
    ...(commandDelayMs > 0 && { commandDelayMs: () => commandDelayMs }),
    ...(hostile !== undefined && isHostileMode(hostile) && { hostile }),
  };
}

function rootSha256(file: string): string {
  const pem = readBoundedFile(file, 2 * limits.certificateBytes);
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} holds no certificate in PEM.`, {
      hint: 'Give the realm’s root certificate, as `imprint init` writes it.',
      cause,
    });
  }
}

function whole(flags: string, description: string, low: number, high: number): Option {
  const option = new Option(flags, description);
  return option.argParser((text) => wholeNumber(option.long!, text, low, high));
}

function share(flags: string, description: string): Option {
  const option = new Option(flags, description);
  return option.argParser((text) => {
    if (/^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/.test(text)) return Number(text);
    throw new ImprintError('usage', `${option.long} takes a number from 0 to 1, not ${text}`, {
      hint: 'Such as 0.05 for one exchange in twenty.',
    });
  });
}

function sentence(event: ControlEvent): string {
  switch (event.event) {
    case 'ready': {
      const ports = (event.fixtures as { fixture: number; port: string }[]).map(
        ({ fixture, port }) => `  fixture ${fixture}: ${port}`,
      );
      return `${event.units} simulated units are ready.\n${ports.join('\n')}`;
    }
    case 'loaded':
      return `Unit ${event.unit} lies in fixture ${event.fixture}.`;
    case 'unloaded':
      return `Fixture ${event.fixture} is empty.`;
    case 'power':
      return `Fixture ${event.fixture} is switched ${event.on ? 'on' : 'off'}.`;
    case 'swapped':
      return `Fixture ${event.fixture} holds unit ${event.unit} in place of unit ${event.was}.`;
    case 'csr':
      return String(event.csr_pem).trimEnd();
    case 'refused':
      return `Refused: ${event.reason}`;
    default:
      return JSON.stringify(event, null, 2);
  }
}
