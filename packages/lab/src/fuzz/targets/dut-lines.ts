/** Lines of the unit's wire in both directions: where the stream is cut changes nothing, and only a line whose CRC fits is believed. */
import assert from 'node:assert/strict';
import { crc32Hex } from '@imprint/contract/dut/crc32';
import { type Framed, frameLine, parseReplyLine, parseRequestLine } from '@imprint/contract/dut/frame';
import { LineSplitter } from '@imprint/contract/dut/line-splitter';
import { dutCommands } from '@imprint/contract/dut/message';
import { changed, type Draw, pick } from '../draws.ts';
import { commandSamples, replySamples } from '../dut-samples.ts';
import { mutateBytes } from '../mutate-bytes.ts';
import { mutateJson } from '../mutate-json.ts';
import { assertPlain } from '../plain-value.ts';
import type { FuzzTarget } from '../target.ts';
import { bytesOf } from '../text-input.ts';

/** Small, so that lines past the cap are met often. */
const capBytes = 1024;

export function dutLinesTarget(): FuzzTarget {
  return {
    name: 'dut-lines',
    form: 'text',
    refusals: [],
    draw: (draw) => {
      const lines = Array.from({ length: 1 + Math.floor(draw() * 3) }, () => drawLine(draw));
      const stream = bytesOf(`${lines.join('\n')}\n`);
      return draw() < 0.5 ? stream : changed(draw, 3, stream, (one) => mutateBytes(draw, one));
    },
    judge: (input) => {
      const whole = split(input, input.length + 1);
      assert.deepEqual(split(input, 1), whole, 'lines depend on how their bytes arrive');
      assert.deepEqual(split(input, 7), whole, 'lines depend on how their bytes arrive');
      const kinds = whole.lines.map(judgeLine);
      return kinds.includes('frame') ? undefined : (kinds[0] ?? (whole.dropped > 0 ? 'too long' : 'no line'));
    },
  };
}

function split(input: Uint8Array, pieceBytes: number): { lines: string[]; dropped: number } {
  const splitter = new LineSplitter(capBytes);
  const all = { lines: [] as string[], dropped: 0 };
  for (let at = 0; at < input.length; at += pieceBytes) {
    const { lines, dropped } = splitter.push(input.subarray(at, at + pieceBytes));
    all.lines.push(...lines);
    all.dropped += dropped;
  }
  return all;
}

function judgeLine(line: string): Framed<unknown>['kind'] {
  const request = parseRequestLine(line);
  const reply = parseReplyLine(line);
  for (const framed of [request, reply])
    if (framed.kind !== 'garbled') assert.ok(crcFits(line), 'a line without a CRC was believed');
  if (request.kind === 'frame') {
    assert.deepEqual(
      parseRequestLine(frameLine(request.frame)),
      request,
      'a request changed when framed anew',
    );
    readAs(request.frame.cmd, 'payload', request.frame.payload);
  }
  if (reply.kind === 'frame') {
    // JavaScript writes names that are numbers first, so such a message does not begin with its `seq` again
    const isOrdered = !Object.keys(reply.frame).some((name) => /^\d+$/.test(name));
    if (isOrdered)
      assert.deepEqual(parseReplyLine(frameLine(reply.frame)), reply, 'a reply changed when framed anew');
    const { seq: _seq, ok: _ok, ...fields } = reply.frame;
    for (const cmd of Object.keys(dutCommands)) readAs(cmd, 'reply', fields);
  }
  return [request.kind, reply.kind].find((kind) => kind !== 'garbled') ?? 'garbled';
}

function readAs(cmd: string, side: 'payload' | 'reply', value: unknown): void {
  if (!Object.hasOwn(dutCommands, cmd)) return;
  const result = dutCommands[cmd as keyof typeof dutCommands][side].safeParse(value);
  if (result.success) assertPlain(result.data);
}

/** Somewhere in the line a text stands whose CRC stands behind it. */
function crcFits(line: string): boolean {
  const end = /,"crc":"([0-9a-f]{8})"\}\s*$/.exec(line);
  if (end === null) return false;
  for (let start = line.indexOf('{"seq":'); start >= 0; start = line.indexOf('{"seq":', start + 1)) {
    if (crc32Hex(new TextEncoder().encode(line.slice(start, end.index))) === end[1]) return true;
  }
  return false;
}

function drawLine(draw: Draw): string {
  const message = pick(draw, [...commandSamples, ...replySamples]);
  const text = draw() < 0.2 ? JSON.stringify(message) : mutateJson(draw, message);
  if (draw() < 0.15) return text;
  const body = text.trimEnd().replace(/\}$/, '');
  return `${draw() < 0.1 ? 'boot ok ' : ''}${body},"crc":"${crc32Hex(new TextEncoder().encode(body))}"}${draw() < 0.1 ? '\r' : ''}`;
}
