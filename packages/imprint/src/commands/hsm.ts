/** `imprint hsm`: makes a CA's key inside an HSM, and looks whether one is as it should be. */
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { generateTokenKey } from '@imprint/authority/signer/pkcs11/generate-token-key';
import type { TokenKeyType } from '@imprint/authority/signer/pkcs11/messages';
import { tokenName } from '@imprint/authority/signer/pkcs11/token-place';
import {
  parseTokenReference,
  type TokenReference,
  tokenReferenceText,
} from '@imprint/authority/signer/pkcs11/token-reference';
import { ImprintError } from '@imprint/contract/errors';
import { sha256Hex } from '@imprint/contract/hash';
import { limits } from '@imprint/contract/limits';
import { type Command, Option } from 'commander';
import { openToken, pinReader } from '../ca-signers.ts';
import { systemEntropy } from '../open-authority.ts';
import { readTokenReference } from '../read-token-reference.ts';
import { facts, say } from '../say.ts';

interface GenerateOptions {
  module: string;
  token: string;
  serial?: string;
  label: string;
  keyType: TokenKeyType;
  processes?: string;
  pinFile?: string;
  out: string;
  json?: boolean;
}

/** Adds `hsm generate-key` and `hsm check`. */
export function addHsmCommands(program: Command): void {
  const hsm = program.command('hsm').description("CA's keys in an HSM with a PKCS#11 library");

  hsm
    .command('generate-key')
    .description('make a key inside a token, which it never leaves, and write where it is')
    .requiredOption('--module <file>', "the HSM's PKCS#11 library")
    .requiredOption('--token <label>', 'label of the token')
    .option('--serial <serial>', 'serial of the token, where two have one label')
    .option('--label <label>', 'label of the new key; no key of the token may have it yet', 'issuing')
    .addOption(
      new Option('--key-type <type>', 'type of the key').choices(['ec-p256', 'ec-p384']).default('ec-p256'),
    )
    .option('--processes <n>', 'how many processes sign with it at once (default: one)')
    .option('--pin-file <file>', 'PIN of the token, mode 0600')
    .requiredOption(
      '--out <file>',
      'where the reference goes, for imprint init --issuing-key and imprint ca create --key',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  imprint hsm generate-key --module /usr/lib/softhsm/libsofthsm2.so --token imprint --pin-file pin --out issuing-key.json',
    )
    .action(generateKey);

  hsm
    .command('check')
    .description(
      'open the key that a reference names, as imprint serve does at its start, and sign with it once',
    )
    .argument('<file>', 'the reference')
    .option('--pin-file <file>', 'PIN of the token, mode 0600')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  imprint hsm check issuing-key.json --pin-file pin')
    .action(async (file: string, options: { pinFile?: string; json?: boolean }) => {
      const reference = readTokenReference(file);
      const signer = await openToken(reference, options.pinFile);
      try {
        const seen = { key_type: signer.keyType, public_key_sha256: sha256Hex(signer.spki) };
        say(options, { token: reference.token, ...seen }, [
          `The key in ${tokenName(reference)} was made there, cannot leave it, and signs.`,
          ...facts(seen),
        ]);
      } finally {
        await signer.close();
      }
    });
}

async function generateKey(options: GenerateOptions): Promise<void> {
  const { token, serial, label, keyType } = options;
  const place = { module: resolve(options.module), token, ...(serial === undefined ? {} : { serial }) };
  const processes = options.processes === undefined ? {} : { processes: Number(options.processes) };
  // looked at before anything is made in the token: what is made there stays
  const draft = JSON.stringify({ ...place, ...processes, key_label: label });
  requireUsable(draft);
  reserve(options.out);
  let whole: TokenReference;
  try {
    const readPin = pinReader(place, options.pinFile);
    const made = await generateTokenKey({ place, keyType, label, entropy: systemEntropy, readPin });
    whole = { ...made.reference, ...processes };
  } catch (error) {
    rmSync(options.out, { force: true });
    throw error;
  }
  writeFileSync(options.out, tokenReferenceText(whole), { flush: true });
  say(options, { ...whole, file: options.out }, [
    `A key of the type ${keyType} was made in ${tokenName(place)}; it never leaves it.`,
    `Where it is stands in ${options.out}. Next: imprint init --home DIR --issuing-key ${options.out}${options.pinFile ? ` --pin-file ${options.pinFile}` : ''}`,
  ]);
}

/** @throws usage */
function requireUsable(reference: string): void {
  try {
    parseTokenReference(reference, 'what was asked for');
  } catch (cause) {
    throw new ImprintError('usage', (cause as Error).message, {
      hint: `Label and serial as the token has them; --processes from 1 to ${limits.signingProcesses}.`,
      cause,
    });
  }
}

/** Makes the file at once, so that no key is made whose name then cannot be written down. @throws path_refused */
function reserve(file: string): void {
  try {
    writeFileSync(file, '', { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw new ImprintError('path_refused', `${file} cannot be made: ${(cause as Error).message}`, {
      hint: 'Name a new file with --out; none is ever written over.',
      cause,
    });
  }
}
