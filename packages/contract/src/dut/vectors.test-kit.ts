/** The test vectors of the DUT protocol, typed for the tests that read them. */
import { readFileSync } from 'node:fs';
import type { FramedReply, FramedRequest } from './frame.ts';
import type { AttestedState, ProveStatement, ReopenStatement } from './statement.ts';

type Line = { kind: 'request' | 'reply'; line: string };

interface SignedVector<Statement = ProveStatement> {
  statement: Statement;
  text: string;
  sha256: string;
  signature_b64: string;
}

export interface DutVectors {
  crc32: { text: string; crc: string }[];
  frames: (Line & { message: FramedRequest | FramedReply })[];
  noisy: (Line & { message: FramedRequest | FramedReply; why: string })[];
  garbled: (Line & { why: string })[];
  wrong: (Line & { why: string })[];
  statements: {
    ed25519_private_key: string;
    ed25519_public_key: string;
    prove: SignedVector;
    attest: SignedVector & { state: AttestedState };
    reopen: SignedVector<ReopenStatement>;
  };
  transcript: {
    max_line: number;
    hello: string;
    payload: string;
    read_back: string;
    exchanges: { request: string; reply: string }[];
  };
}

export const dutVectors = JSON.parse(
  readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'),
) as DutVectors;
