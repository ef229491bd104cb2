/** PEM (RFC 7468), strictly: nothing before, between or behind the blocks, and only the label that was asked for. */
import { fromBase64, toBase64 } from '../bytes.ts';
import { ImprintError } from '../errors.ts';
import { limits } from '../limits.ts';

const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----\n((?:[A-Za-z0-9+/=]{1,76}\n)+)-----END \1-----(?:\n|$)/y;

/** One block, 64 characters a line, ended by a newline. */
export function toPem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The DER of every block, in order; line ends may be LF or CR LF.
 * @throws file_invalid for text outside the blocks, another label, no block or too many
 */
export function fromPem(
  label: string,
  text: string,
  maxBlocks: number = limits.chainCertificates,
): Uint8Array[] {
  const source = text.replaceAll('\r\n', '\n').trim();
  if (source.length > limits.dutMessageBytes) throw refused(label, 'is too long');
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < source.length) {
    block.lastIndex = at;
    const match = block.exec(source);
    if (match?.[1] !== label) throw refused(label, `holds something else at character ${at}`);
    if (found.length === maxBlocks) throw refused(label, `holds more than ${maxBlocks} blocks`);
    found.push(fromBase64(match[2]!.replaceAll('\n', ''), 'file_invalid'));
    at = block.lastIndex;
  }
  if (found.length === 0) throw refused(label, 'holds no block');
  return found;
}

function refused(label: string, why: string): ImprintError {
  return new ImprintError(
    'file_invalid',
    `The PEM text ${why}; it must hold ${label} blocks and nothing else.`,
    {
      hint: `Give the file as it was written: it begins with -----BEGIN ${label}-----.`,
    },
  );
}
