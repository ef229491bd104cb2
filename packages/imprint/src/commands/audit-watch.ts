/** `imprint audit watch`: a witness of the log, run by somebody who does not run the authority. */
import { setTimeout as wait } from 'node:timers/promises';
import { parseVerifierKey } from '@imprint/contract/audit/checkpoint';
import { formatWitnessKey } from '@imprint/contract/audit/cosignature';
import { toHex } from '@imprint/contract/bytes';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import type { Command } from 'commander';
import { systemClock } from '../open-authority.ts';
import { wholeNumber } from '../parse-option.ts';
import { readBoundedFile } from '../read-bounded-file.ts';
import { plainLines, say } from '../say.ts';
import { untilStopped } from '../until-stopped.ts';
import { httpLog, type ReadLog } from '../witness/log-source.ts';
import { type Look, lookAt } from '../witness/look.ts';
import { Witness } from '../witness/witness.ts';
import { openWitnessHome } from '../witness/witness-home.ts';

interface WatchOptions {
  url: string;
  logKey: string;
  home: string;
  name?: string;
  once?: boolean;
  every: string;
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
    .option('--name <name>', 'name of a new witness, such as witness.example/w1')
    .option('--once', 'look once and end')
    .option('--every <seconds>', 'how long to wait between two looks', '30')
    .option('--json', 'print one JSON object a look')
    .addHelpText(
      'after',
      `
It asks no authority for the truth: it computes from the log's hash tiles whether the log continues what it saw before.
It ends with 1 at the first checkpoint that does not, and keeps both as evidence. The last cosigned one stands in
checkpoint, and its key in witness.pub: imprint audit verify --checkpoint DIR/checkpoint --witness-key DIR/witness.pub

Example:
  imprint audit watch --url http://authority.example:7080 --log-key log.vkey --home ./witness --name witness.example/w1`,
    )
    .action(watch);
}

async function watch(options: WatchOptions): Promise<void> {
  const everyMs = wholeNumber('--every', options.every, 1, 86_400) * 1_000;
  const read = httpLog(options.url);
  const logKey = parseVerifierKey(readBoundedFile(options.logKey, limits.noteBytes).trim());
  const home = openWitnessHome(options.home, options.name);
  try {
    const witness = new Witness(home, logKey, () => Math.floor(systemClock().getTime() / 1_000));
    const began = { event: 'witness', name: home.key.name, verifier_key: formatWitnessKey(home.key) };
    if (options.once) {
      const look = await lookAt(read, witness);
      say(options, { ...began, ...lookFacts(look, home.cosignedFile) }, [sentence(look, home.cosignedFile)]);
      return;
    }
    say(options, began, [`${began.name} watches ${logKey.name}. Its key: ${began.verifier_key}`]);
    const stop = new AbortController();
    void untilStopped().then(() => stop.abort());
    while (!stop.signal.aborted) {
      await lookOnce(read, witness, options);
      await wait(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    home.close();
  }
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
