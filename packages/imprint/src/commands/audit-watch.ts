/** `imprint audit watch`: a witness of the log, run by somebody who does not run the authority. */
import { setTimeout as wait } from 'node:timers/promises';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { formatWitnessKey } from '@imprint/contract/audit/cosignature';
import { toHex } from '@imprint/contract/bytes';
import { ImprintError, isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import type { FastifyInstance } from 'fastify';
import { listenOn } from '../listen-on.ts';
import { systemClock } from '../open-authority.ts';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { plainLines, say } from '../say.ts';
import { untilStopped } from '../until-stopped.ts';
import { createWitnessListener } from '../witness/listen.ts';
import { httpLog, type ReadLog } from '../witness/log-source.ts';
import { keepBoth, type Look, lookAt } from '../witness/look.ts';
import { Witness } from '../witness/witness.ts';
import { openWitnessHome } from '../witness/witness-home.ts';

interface WatchOptions {
  url: string;
  logKey: string;
  home: string;
  name?: string;
  once?: boolean;
  every: string;
  listen?: string;
  json?: boolean;
}

/** Adds `watch` to `audit`. */
export function addWatchCommand(audit: Command): void {
  audit
    .command('watch')
    .description('be a witness: cosign each checkpoint that continues all before it, refuse any other')
    .requiredOption('--url <url>', "the authority's public listener, http://host:port")
    .requiredOption('--log-key <file>', "the log's verifier key (log.vkey)")
    .requiredOption('--home <dir>', "the witness's own folder, made with a new key where it is not there")
    .option('--name <name>', 'name of a new witness, such as witness.example/w1 (default: HOST/witness)')
    .option('--once', 'look once and end')
    .option('--every <seconds>', 'how long to wait between two looks', '30')
    .option('--listen <host:port>', 'also take checkpoints that are brought: C2SP POST /add-checkpoint')
    .option('--json', 'print one JSON object a look')
    .addHelpText(
      'after',
      `
It asks no authority for the truth: it computes from the log's hash tiles whether the log continues what it saw before.
It ends with 1 at the first checkpoint that does not, and keeps both as evidence. The last cosigned one stands in
checkpoint, and its key in witness.pub: imprint audit verify --checkpoint DIR/checkpoint --witness-key DIR/witness.pub

Example:
  imprint audit watch --url http://authority.example:7480 --log-key log.vkey --home ./witness --name witness.example/w1`,
    )
    .action(watch);
}

async function watch(options: WatchOptions): Promise<void> {
  const everyMs = wholeNumber('--every', options.every, 1, 86_400) * 1_000;
  const door = options.listen === undefined ? undefined : doorOf(options.listen, options.once);
  const read = httpLog(options.url);
  const logKey = parseVerifierKey(readBoundedFile(options.logKey, limits.noteBytes).trim());
  const home = openWitnessHome(options.home, options.name);
  let listener: FastifyInstance | undefined;
  try {
    const witness = new Witness(home, logKey, () => Math.floor(systemClock().getTime() / 1_000));
    const began = { event: 'witness', name: home.key.name, verifier_key: formatWitnessKey(home.key) };
    if (options.once) {
      const look = await lookAt(read, witness);
      say(options, { ...began, ...lookFacts(look, home.cosignedFile) }, [sentence(look, home.cosignedFile)]);
      return;
    }
    say(options, began, [`${began.name} watches ${logKey.name}. Its key: ${began.verifier_key}`]);
    if (door !== undefined) listener = await openDoor(witness, door, options);
    const stop = new AbortController();
    void untilStopped().then(() => stop.abort());
    while (!stop.signal.aborted) {
      await lookOnce(read, witness, options);
      await wait(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    await listener?.close();
    home.close();
  }
}

/** @throws usage */
function doorOf(text: string, once: boolean | undefined): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text);
  if (match === null || once) {
    throw new ImprintError('usage', once ? '--once does not listen' : `--listen ${text} is no host:port`, {
      hint: 'Give --listen 127.0.0.1:7090 without --once.',
    });
  }
  return { host: (match[1] ?? match[2])!, port: wholeNumber('--listen', match[3]!, 0, 65_535) };
}

async function openDoor(
  witness: Witness,
  { host, port }: { host: string; port: number },
  options: WatchOptions,
): Promise<FastifyInstance> {
  const listener = createWitnessListener({
    witness,
    hosts: [host],
    onForked: (note) => {
      const evidence = keepBoth(witness, note);
      say(options, { event: 'forked', evidence }, [
        `FORKED: a checkpoint was brought that the log's key signed and that contradicts the agreed one. Kept: ${evidence.join(', ')}`,
      ]);
    },
    report: (error) => process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`),
  });
  const url = await listenOn(listener, host, port, '--listen');
  say(options, { event: 'listening', url }, [`It takes checkpoints at ${url}/add-checkpoint`]);
  return listener;
}

/** A log that does not answer is looked at again; a refusal ends the watch. */
async function lookOnce(read: ReadLog, witness: Witness, options: WatchOptions): Promise<void> {
  const { cosignedFile } = witness.home;
  try {
    const look = await lookAt(read, witness);
    say(options, lookFacts(look, cosignedFile), [sentence(look, cosignedFile)]);
  } catch (error) {
    if (!isImprintError(error, 'unavailable')) throw error;
    say(options, { event: 'unavailable', message: error.message }, [
      plainLines(`Not seen: ${error.message}. It looks again.`),
    ]);
  }
}

function lookFacts({ from, checkpoint }: Look, file: string): object {
  const { origin, size, root } = checkpoint;
  return { event: 'cosigned', origin, size, root: toHex(root), from: from ?? null, checkpoint: file };
}

function sentence({ from, checkpoint: { size } }: Look, file: string): string {
  const seen =
    from === undefined
      ? 'the first look, so there was nothing to compare with'
      : from === size
        ? 'the log is as it was'
        : `it continues size ${from}, seen before`;
  return `Cosigned at size ${size}: ${seen}. It stands in ${file}`;
}
