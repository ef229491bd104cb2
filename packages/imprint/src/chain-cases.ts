/**
 * Runs a suite of chains through the strict verifier: one JSON object a line in, one verdict a line out, in order. A line that is
 * no case is told as such and never as a refusal, so that a fault of the suite's feeder does not look like a verifier that refuses.
 */

import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { isImprintError } from '@imprint/contract/errors';
import { limits } from '@imprint/contract/limits';
import { type ChainVerdict, judgeChain } from '@imprint/contract/x509/chain-verdict';
import { fromPem } from '@imprint/contract/x509/pem';
import { realms } from '@imprint/contract/x509/realm';
import { z } from 'zod';

export const purposes = ['device', 'operational', 'station', 'server', 'device-server', 'responder'] as const;

const chainCase = z.strictObject({
  id: z.string().min(1).max(200),
  /** The leaf first, one certificate a text. */
  chain_pem: z.array(z.string()).max(16),
  root_pem: z.string(),
  /** ISO 8601 in UTC. */
  at: z.iso.datetime(),
  purpose: z.enum(purposes).default('device'),
  realm: z.enum(realms).default('prod'),
  /** What the suite says that the verdict must be. */
  expect: z.enum(['accept', 'refuse']).optional(),
});

type Answer =
  | ({ id: string } & ChainVerdict & { as_expected?: boolean })
  | { id: null; verdict: 'unread'; line: number; message: string };

export interface CaseCounts {
  accepted: number;
  refused: number;
  /** Verdicts that were not what the suite expects. */
  unexpected: number;
  /** Lines that were no cases. */
  unread: number;
}

/** An answer for every line of `input` (at most `limits.requestBytes` each), a newline behind it; `counts` goes along. */
export async function* judgeCases(
  input: AsyncIterable<Uint8Array>,
  counts: CaseCounts,
): AsyncGenerator<string> {
  const splitter = new LineSplitter(limits.requestBytes);
  let line = 0;
  for await (const bytes of withLastNewline(input)) {
    const { lines, dropped } = splitter.push(bytes);
    for (const text of lines) yield counted(judgeLine(text, ++line), counts);
    for (let lost = 0; lost < dropped; lost++) {
      yield counted(unread(++line, `a case has at most ${limits.requestBytes} bytes`), counts);
    }
  }
}

function counted(answer: Answer, counts: CaseCounts): string {
  if (answer.verdict === 'unread') counts.unread++;
  else counts[answer.verdict === 'accept' ? 'accepted' : 'refused']++;
  if ('as_expected' in answer && answer.as_expected === false) counts.unexpected++;
  return `${JSON.stringify(answer)}\n`;
}

async function* withLastNewline(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* input;
  yield Uint8Array.of(10);
}

function judgeLine(text: string, line: number): Answer {
  const parsed = chainCase.safeParse(jsonOf(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return unread(line, `${issue.path.join('.') || 'the line'}: ${issue.message}`);
  }
  const { id, chain_pem, root_pem, at, purpose, realm, expect } = parsed.data;
  try {
    const said = judgeChain(() => ({
      chain: chain_pem.map((pem) => fromPem('CERTIFICATE', pem, 1)[0]!),
      root: fromPem('CERTIFICATE', root_pem, 1)[0]!,
      at,
      purpose,
      realm,
    }));
    return { id, ...said, ...(expect === undefined ? {} : { as_expected: said.verdict === expect }) };
  } catch (error) {
    if (isImprintError(error, 'bad_request')) return unread(line, `at: ${error.message}`);
    throw error;
  }
}

/** `undefined`, which is no case, where the text is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unread(line: number, message: string): Answer {
  return { id: null, verdict: 'unread', line, message };
}
