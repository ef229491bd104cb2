/** `imprint verify-chain`: asks the strict verifier about a chain, or about a whole suite of them, offline and without any of our data. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type ChainVerdict, judgeChain } from '@imprint/contract/x509/chain-verdict';
import { DerReader } from '@imprint/contract/x509/der';
import type { LeafPurpose } from '@imprint/contract/x509/leaf';
import { fromPem } from '@imprint/contract/x509/pem';
import { type Realm, realms } from '@imprint/contract/x509/realm';
import { type Command, Option } from 'commander';
import { type CaseCounts, judgeCases, purposes } from '../chain-cases.ts';
import { instantOf } from '../parse-option.ts';
import { readBoundedBytes } from '../read-bounded-file.ts';
import { ExitCode } from '../run-program.ts';
import { facts, say } from '../say.ts';

interface VerifyChainOptions {
  chain?: string;
  root?: string;
  at?: string;
  purpose: LeafPurpose;
  realm: Realm;
  cases?: string;
  json?: boolean;
}

/** More than a chain may have, so that one that is too long is refused as such and not as a file. */
const mostBlocks = 32;

const help = `
The chain is the leaf first, then each certificate's issuer, without the root: PEM, or DER one after another.
It ends with 0 where the chain is accepted, 1 where it is refused, 2 where the command is wrong.

Examples:
  imprint verify-chain --chain device.pem --root root.pem --at 2026-06-01T12:00:00Z --realm dev
  imprint verify-chain --cases suite.jsonl > verdicts.jsonl

Each line of the cases is a JSON object: id, chain_pem (a list), root_pem, at, and where it matters purpose, realm and
expect (accept or refuse). Each line of the answer has the id, the verdict and the reason.`;

/** Adds the command `verify-chain`. */
export function addVerifyChainCommand(program: Command): void {
  program
    .command('verify-chain')
    .description('ask the strict verifier about a chain of certificates: accept, or refuse with the reason')
    .option('--chain <file>', 'the chain, PEM or DER; - is standard input')
    .option('--root <file>', 'the root that is trusted, PEM or DER')
    .option('--at <time>', 'the time at which the chain must be valid')
    .addOption(
      new Option('--purpose <purpose>', 'what the leaf is to be for')
        .choices([...purposes])
        .default('device'),
    )
    .addOption(
      new Option('--realm <realm>', 'the realm of every certificate').choices([...realms]).default('prod'),
    )
    .option('--cases <file>', 'a suite: one case a line, one verdict a line; - is standard input')
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action((options: VerifyChainOptions) =>
      options.cases === undefined ? verifyOne(options) : verifyCases(options.cases, options),
    );
}

async function verifyOne(options: VerifyChainOptions): Promise<void> {
  const { chain, root, at, purpose, realm } = options;
  if (chain === undefined || root === undefined || at === undefined) {
    throw new ImprintError('usage', 'A chain is verified under a root and at a time.', {
      hint: 'Give --chain, --root and --at, or a suite with --cases.',
    });
  }
  const instant = instantOf('--at', at);
  const chainBytes =
    chain === '-' ? await readStandardInput() : readBoundedBytes(chain, limits.dutMessageBytes);
  const rootBytes = readBoundedBytes(root, limits.dutMessageBytes);
  const verdict = judgeChain(() => ({
    chain: certificatesIn(chainBytes),
    root: onlyOne(certificatesIn(rootBytes)),
    at: instant,
    purpose,
    realm,
  }));
  say(options, verdict, verdictLines(verdict, instant));
  if (verdict.verdict === 'refuse') throw new ExitCode(1);
}

/** Every line is answered; the code is 2 where a line was no case, else 1 where a verdict is not the expected one. */
async function verifyCases(
  file: string,
  { chain, root, at }: Pick<VerifyChainOptions, 'chain' | 'root' | 'at'>,
): Promise<void> {
  if (chain !== undefined || root !== undefined || at !== undefined) {
    throw new ImprintError('usage', 'Each case has a chain, a root and a time of its own.', {
      hint: 'Give --cases alone.',
    });
  }
  const input = file === '-' ? process.stdin : createReadStream(file);
  const counts: CaseCounts = { accepted: 0, refused: 0, unexpected: 0, unread: 0 };
  try {
    await pipeline(judgeCases(readable(input, file), counts), process.stdout, { end: false });
  } catch (error) {
    // whoever read the answers has gone, as `head` does
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new ExitCode(1);
    throw error;
  }
  const { accepted, refused, unexpected, unread } = counts;
  process.stderr.write(
    `${accepted} accepted, ${refused} refused, ${unexpected} not as expected, ${unread} lines that are no case\n`,
  );
  if (unread > 0) throw new ExitCode(2);
  if (unexpected > 0) throw new ExitCode(1);
}

/** @throws file_invalid where the file cannot be read */
async function* readable(input: AsyncIterable<Uint8Array>, file: string): AsyncIterable<Uint8Array> {
  try {
    yield* input;
  } catch (cause) {
    throw new ImprintError('file_invalid', `${file} cannot be read: ${(cause as Error).message}`, {
      hint: 'Check its name and your rights to it.',
      cause,
    });
  }
}

async function readStandardInput(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of process.stdin as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > limits.dutMessageBytes) {
      throw new ImprintError('file_invalid', `the chain is longer than ${limits.dutMessageBytes} bytes`, {
        hint: 'Check what is piped into this command.',
      });
    }
  }
  return new Uint8Array(Buffer.concat(pieces));
}

/** DER begins with a SEQUENCE, whose tag is the digit 0 as text, which no PEM begins with. */
function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] !== 0x30) return fromPem('CERTIFICATE', new TextDecoder().decode(bytes), mostBlocks);
  const reader = DerReader.over(bytes, limits.dutMessageBytes);
  const found: Uint8Array[] = [];
  while (!reader.atEnd) found.push(reader.any().bytes);
  return found;
}

function onlyOne(roots: Uint8Array[]): Uint8Array {
  if (roots.length === 1) return roots[0]!;
  throw new ImprintError('file_invalid', `One root is trusted, and the file holds ${roots.length}.`, {
    hint: 'Give the root alone.',
  });
}

function verdictLines({ reason, leaf }: ChainVerdict, at: string): string[] {
  if (leaf === null) {
    const place = reason!.position === null ? '' : `, at certificate ${reason!.position} (the leaf is 0)`;
    return [`The chain is refused: ${reason!.message}`, `  ${reason!.code}${place}`];
  }
  return [
    `The chain is accepted: ${leaf.purpose} ${leaf.id} of realm ${leaf.realm}, at ${at}.`,
    ...facts({
      serial: leaf.serial,
      'valid from': leaf.not_before,
      'valid until': leaf.not_after,
      certificate: leaf.certificate_sha256,
      'public key': leaf.public_key_sha256,
      'key type': leaf.key_type,
    }),
    'Revocation is not in a chain: ask the registry.',
  ];
}
