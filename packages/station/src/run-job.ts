/**
 * One unit by an article-style manifest, without an authority: certificates that lie beside it are written, the unit signs a
 * challenge, and the signature is really verified. Such a unit signs whatever it is given, so this never yields a receipt.
 */
import { verify } from 'node:crypto';
import { fromBase64, toBase64 } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { planSteps, type Step, type StepName } from '@imprint/contract/job-manifest';
import { fromPem } from '@imprint/contract/x509/pem';
import { ArticleWire } from './article-wire.ts';
import type { DutLink } from './dut-link.ts';
import { DutSession } from './dut-session.ts';
import type { JobFiles } from './job-files.ts';
import type { Timers } from './timers.ts';

export interface RunJobOptions {
  files: JobFiles;
  link: DutLink;
  timers: Timers;
  /** 32 bytes from a CSPRNG. */
  challenge: Uint8Array;
  say(event: RunJobEvent): void;
}

/** `not-possible`: the unit's protocol has no way to do it. The proof stands for what could not be read back. */
export type StepOutcome = 'done' | 'read-back' | 'already' | 'not-possible';

export type RunJobEvent =
  | { event: 'plan'; steps: StepName[]; moved: StepName[] }
  | { event: 'unit'; protocol: 'article' | 'hello' }
  | { event: 'step'; step: StepName | 'prove' | 'finalize'; outcome: StepOutcome };

export interface RunJobReport {
  device_id: string;
  protocol: 'article' | 'hello';
  proven: true;
  moved: StepName[];
  not_possible: StepName[];
  /** Never anything else: nobody but this station saw the unit. */
  receipt: null;
}

/** What both kinds of unit can do; reads and burns only where there is a way. */
interface JobUnit {
  protocol: 'article' | 'hello';
  run(step: Step): Promise<StepOutcome>;
  sign(challenge_b64: string): Promise<{ signed_by: string; signature_b64: string }>;
  lock(permanent: boolean): Promise<StepOutcome>;
  close(): Promise<void>;
}

/** @throws dut_…, link_lost, proof_wrong, file_invalid */
export async function runJob(options: RunJobOptions): Promise<RunJobReport> {
  const { files, say } = options;
  const { manifest } = files;
  const { ordered, moved } = planSteps(manifest);
  say({ event: 'plan', steps: ordered.map((step) => step.name), moved });
  const unit = await meet(options);
  say({ event: 'unit', protocol: unit.protocol });
  try {
    const notPossible: StepName[] = [];
    const run = async (step: Step) => {
      const outcome = await unit.run(step);
      if (outcome === 'not-possible') notPossible.push(step.name);
      say({ event: 'step', step: step.name, outcome });
    };
    const isLast = ({ name }: Step) => name === 'program-boot-flags' || name === 'lock-debug';
    for (const step of ordered.filter((each) => !isLast(each))) await run(step);
    await prove(unit, options);
    say({ event: 'step', step: 'prove', outcome: 'done' });
    // I-25: what cannot be undone comes after the proof, whatever order the manifest has.
    for (const step of ordered.filter(({ name }) => name === 'program-boot-flags')) await run(step);
    const lock = lockOf(ordered);
    if (lock !== undefined)
      say({ event: 'step', step: 'finalize', outcome: await unit.lock(lock.permanent) });
    return {
      device_id: manifest.device.device_id,
      protocol: unit.protocol,
      proven: true,
      moved,
      not_possible: notPossible,
      receipt: null,
    };
  } finally {
    await unit.close();
  }
}

/** Whether the debug port is to be closed, and how hard: by its own step, or as the article does, with JTAG disabled. */
function lockOf(steps: Step[]): { permanent: boolean } | undefined {
  for (const step of steps) {
    if (step.name === 'lock-debug') return { permanent: step.args.permanent };
    if (
      step.name === 'program-boot-flags' &&
      step.args.disable_jtag &&
      !steps.some(({ name }) => name === 'lock-debug')
    ) {
      return { permanent: false };
    }
  }
  return undefined;
}

async function prove(unit: JobUnit, { files, challenge }: RunJobOptions): Promise<void> {
  const { device_id } = files.manifest.device;
  const { signed_by, signature_b64 } = await unit.sign(toBase64(challenge));
  const wrong = (message: string) =>
    new ImprintError('proof_wrong', message, {
      hint: 'Set the unit aside: key, certificate and ID do not belong together.',
    });
  if (signed_by !== device_id) throw wrong(`the unit signs as ${signed_by}, not as ${device_id}`);
  const digest = { 'ec-p256': 'sha256', 'ec-p384': 'sha384', ed25519: null }[
    files.manifest.security.key_type
  ];
  const signature = fromBase64(signature_b64, 'dut_protocol');
  if (!verify(digest, challenge, files.leaf.publicKey, signature)) {
    throw wrong("the unit's signature does not verify against its certificate");
  }
}

/** Finds out how the unit speaks: hello first, since only what is framed can be read back. */
async function meet(options: RunJobOptions): Promise<JobUnit> {
  const session = new DutSession(options.link, options.timers);
  try {
    await session.start();
  } catch (error) {
    await session.close();
    if (!isImprintError(error, 'dut_protocol') || error.context.article_only !== true) throw error;
    const wire = new ArticleWire(options.link, options.timers);
    await wire.open();
    return articleUnit(wire, options.files);
  }
  const { realm, features } = session.unit;
  if (realm !== 'dev' || !features.includes('sign-challenge')) {
    await session.close();
    throw new ImprintError(
      'dut_refused',
      'this unit signs only what it composes itself, and needs an authority for that',
      {
        hint: 'Use imprint station run: it gives the unit a receipt, too.',
      },
    );
  }
  return helloUnit(session, options.files);
}

function articleUnit(wire: ArticleWire, files: JobFiles): JobUnit {
  const { device_id } = files.manifest.device;
  return {
    protocol: 'article',
    async run(step) {
      if (step.name === 'write-device-id') await wire.call('set_device_id', { device_id });
      else if (step.name === 'write-certs') {
        await wire.call('write_certs', { device_cert_pem: files.deviceCertPem, chain_pem: files.chainPem });
      } else return 'not-possible';
      return 'done';
    },
    sign: (challenge_b64) => wire.call('sign_challenge', { challenge_b64 }),
    async lock(permanent) {
      if (permanent) return 'not-possible';
      await wire.call('finalize', { lock_debug: true });
      return 'done';
    },
    close: () => wire.close(),
  };
}

function helloUnit(dut: DutSession, files: JobFiles): JobUnit {
  const { manifest, deviceCertPem, chainPem, chain } = files;
  const { device_id, hw_rev } = manifest.device;
  const mismatch = (what: string) =>
    new ImprintError('dut_refused', `the unit's ${what} is not what was to be written`);
  const acts: Partial<Record<StepName, (step: Step) => Promise<StepOutcome>>> = {
    async 'write-trust-anchor'() {
      const root = chain.at(-1)!.toString();
      await dut.call('write_trust_anchor', { trust_anchor_pem: root });
      const { trust_anchor_pem } = await dut.call('read_trust_anchor', {});
      if (!samePem(trust_anchor_pem, root)) throw mismatch('trust anchor');
      return 'read-back';
    },
    async 'write-device-id'() {
      await dut.call('set_device_id', { device_id });
      if ((await dut.call('read_device_id', {})).device_id !== device_id) throw mismatch('device ID');
      return 'read-back';
    },
    async 'write-certs'() {
      await dut.call('write_certs', { device_cert_pem: deviceCertPem, chain_pem: chainPem });
      const read = await dut.call('read_certs', {});
      if (!samePem(read.device_cert_pem, deviceCertPem) || !samePem(read.chain_pem, chainPem))
        throw mismatch('certificate');
      return 'read-back';
    },
    async 'post-provision-selftest'(step) {
      const timeout_s = step.name === 'post-provision-selftest' ? step.args.timeout_s : 15;
      const { passed } = await dut.call('selftest', { timeout_s }, { workMs: timeout_s * 1_000 });
      if (!passed) throw new ImprintError('dut_refused', "the unit's self-test failed");
      return 'done';
    },
    async 'program-boot-flags'(step) {
      if (step.name !== 'program-boot-flags') return 'not-possible';
      const wanted = Object.entries(step.args)
        .filter(([, on]) => on)
        .map(([flag]) => flag);
      const before = (await dut.call('status', {})).boot_flags;
      const missing = wanted.filter((flag) => before[flag] !== true);
      if (missing.length === 0) return 'already';
      await dut.call('write_boot_flags', {
        boot_flags: Object.fromEntries(missing.map((flag) => [flag, true])),
      });
      const after = (await dut.call('status', {})).boot_flags;
      if (!wanted.every((flag) => after[flag] === true)) throw mismatch('set of boot flags');
      return 'read-back';
    },
  };
  checkUnit();
  return {
    protocol: 'hello',
    run: async (step) => (await acts[step.name]?.(step)) ?? 'not-possible',
    sign: (challenge_b64) => dut.call('sign_challenge', { challenge_b64 }),
    async lock(permanent) {
      const wanted = permanent ? 'locked-permanently' : 'locked';
      if ((await dut.call('status', {})).debug_lock === wanted) return 'already';
      await dut.call('finalize', { lock_debug: true, permanent });
      if ((await dut.call('status', {})).debug_lock !== wanted) throw mismatch('debug lock');
      return 'read-back';
    },
    close: () => dut.close(),
  };

  function checkUnit(): void {
    const { firmware, hw_rev: found } = dut.unit;
    const { build_id, expected_sha256 } = manifest.firmware;
    if (found !== hw_rev)
      throw new ImprintError('dut_refused', `the unit is of revision ${found}, the manifest names ${hw_rev}`);
    if (firmware.build_id !== build_id || firmware.sha256 !== expected_sha256) {
      throw new ImprintError(
        'dut_refused',
        `the unit runs ${firmware.build_id}, and not the image that the manifest names`,
      );
    }
  }
}

/** Whether two texts hold the same certificates, however they are broken into lines. */
function samePem(left: string, right: string): boolean {
  const ders = (pem: string) => fromPem('CERTIFICATE', pem).map(toBase64).join();
  return ders(left) === ders(right);
}
