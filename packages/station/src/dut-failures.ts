/** How a conversation with a unit ends badly, each with what the person at the fixture does now. */
import type { FramedReply } from '@imprint/contract/dut/frame';
import { dutErrors, isDutErrorCode } from '@imprint/contract/dut/message';
import { ImprintError } from '@imprint/contract/errors';
import { quoteText } from '@imprint/contract/quote-text';

export function refusal(cmd: string, reply: FramedReply): ImprintError {
  const error = reply.error ?? '';
  if (!isDutErrorCode(error))
    return protocolWrong(cmd, `the unit refuses with ${quoteText(error)}, which is no known code`);
  const detail = reply.detail === undefined ? '' : ` (${quoteText(reply.detail)})`;
  if (error === 'no_session' || error === 'bad_seq') {
    return new ImprintError('dut_reset', `the unit was reset before ${cmd}: ${dutErrors[error]}`, {
      hint: 'Leave the unit in the fixture; the station identifies it anew and goes on.',
      context: { cmd, dut_error: error },
    });
  }
  return new ImprintError('dut_refused', `the unit refuses ${cmd}: ${dutErrors[error]}${detail}`, {
    hint: 'Scan again; if it stays, set the unit aside for the line lead.',
    context: { cmd, dut_error: error },
  });
}

export function protocolWrong(cmd: string, reason: string): ImprintError {
  return new ImprintError('dut_protocol', `the unit's answer to ${cmd} is not of this protocol: ${reason}`, {
    hint: 'Check that the unit bears the firmware that its contract names.',
    context: { cmd },
  });
}

export function articleOnly(): ImprintError {
  return new ImprintError(
    'dut_protocol',
    'the firmware does not speak hello: it knows the four plain commands at most',
    {
      hint: 'Flash current firmware, or use `imprint station run-job`, which never yields a receipt.',
      context: { article_only: true },
    },
  );
}

export function garbled(context: Record<string, unknown>, bytes: number): ImprintError {
  return new ImprintError(
    'dut_garbled',
    `the unit's line is damaged or full of noise (${bytes} bytes, no whole answer)`,
    {
      hint: 'Check cable, connector, ground and baud rate of the fixture, then scan again.',
      context,
    },
  );
}

export function silent(context: { port: string; cmd: string; sends: number; damaged: number }): ImprintError {
  const { cmd, sends } = context;
  return new ImprintError('dut_silent', `the unit did not answer ${cmd} after ${sends} tries`, {
    hint: 'Check power, cable and seat of the unit in the fixture, then scan again.',
    context,
  });
}

export function linkLost(port: string, reason: string): ImprintError {
  return new ImprintError('link_lost', `the link to the unit at ${port} is gone: ${reason}`, {
    hint: 'Check the cable and the fixture, then scan again.',
    context: { port },
  });
}
