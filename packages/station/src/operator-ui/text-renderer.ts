/**
 * What the operator sees: PASS and FAIL from three metres, and for every failure what happened, to which unit, at which
 * step, and what to do now. Colour only ever stands beside a word that says the same.
 */
import { styleText } from 'node:util';
import { plainText } from '@imprint/contract/plain-text';
import type { Emit, LineEvent } from '../line-event.ts';
import type { StepName } from '../line-failure.ts';
import { bigLetters } from './big-letters.ts';

const stepWords: Record<StepName, string> = {
  identify: 'identifying the unit',
  open: 'opening the job',
  key: 'making the key and its certificate',
  write: 'writing and reading back',
  prove: 'proving the identity',
  seal: 'sealing',
  attest: 'starting the unit anew',
  selftest: 'self-test',
  label: 'label',
  complete: 'final proof and record',
  check: 'checking the unit',
};

export interface Screen {
  write(text: string): void;
  /** Whether colours are wanted here: a terminal, and no NO_COLOR. */
  colours: boolean;
}

/** Renders events as plain lines and big words. */
export function textRenderer(screen: Screen): Emit {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    screen.colours ? styleText(style, text, { validateStream: false }) : text;
  const big = (style: Parameters<typeof styleText>[0], word: string) =>
    bigLetters(word).map((row) => `  ${paint(style, row)}`);
  return (event) => {
    const lines = linesOf(withoutControls(event), paint, big);
    if (lines.length > 0) screen.write(`${lines.join('\n')}\n`);
  };
}

/** What units, labels and the authority say is shown, and moves no cursor: nobody forges a PASS with an escape sequence. */
function withoutControls<T>(value: T): T {
  if (typeof value === 'string') return plainText(value) as T;
  if (Array.isArray(value)) return value.map(withoutControls) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withoutControls(member)]),
  ) as T;
}

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;
type Big = (style: Parameters<typeof styleText>[0], word: string) => string[];

function linesOf(event: LineEvent, paint: Paint, big: Big): string[] {
  switch (event.event) {
    case 'ready':
      return [
        `Station ${event.station_id}, realm ${event.realm}, lanes ${event.lanes.join(', ') || 'none'}.`,
        event.orders.length > 0
          ? `Orders: ${event.orders.join(', ')}.`
          : 'No order is open for this station.',
        'Scan your badge, then a lane and a unit.',
      ];
    case 'notice':
      return [`${paint('yellow', 'NOTE')} ${event.message}`, ...(event.hint ? [`  ${event.hint}`] : [])];
    case 'lane_selected':
      return [
        `Lane ${event.lane}${event.carrier ? `, carrier ${event.carrier}` : ''}${event.position ? `, position ${event.position}` : ''}: scan the unit.`,
      ];
    case 'started':
      return ['', `Lane ${event.lane}  ${event.device_id ?? 'next ID of the order'}`];
    case 'step':
      return [`Lane ${event.lane}  ${event.device_id ?? ''}  ${stepWords[event.step]}`];
    case 'resumed':
      return [`Lane ${event.lane}  ${paint('yellow', 'GOING ON')} after: ${event.reason}`];
    case 'label':
      return [
        `Lane ${event.lane}  ${paint('cyan', 'LABEL')} stick ${event.device_id} on the unit, then scan lane ${event.lane} and the label.`,
      ];
    case 'passed':
      return passedLines(event, paint, big);
    case 'failed':
      return failedLines(event, paint, big);
    case 'reported':
      return [
        `${event.outcome === 'pass' ? paint('green', 'NOTED: PASS') : paint('red', 'NOTED: FAIL')}  ${event.device_id}  ${event.operation}; the device is ${event.device_state}.`,
      ];
    case 'refused':
      return [
        `${paint('red', 'NOT TAKEN')} ${event.scan}: ${event.message}`,
        `  ${paint('bold', 'Now:')} ${event.hint}`,
      ];
    case 'shift':
      return [event.open ? `Signed in: ${event.operator_id}.` : 'Signed out.'];
    case 'yield':
      return [
        `Passed ${event.first_pass} at once and ${event.retested} after a retest; ${event.failed} failed attempts; ${event.quarantined} set aside.`,
      ];
    case 'stopped':
      return [
        paint('red', 'STOPPED'),
        `  ${event.reason}`,
        '  Call the line lead. No unit is taken until the station was started again.',
      ];
  }
}

function passedLines(event: Extract<LineEvent, { event: 'passed' }>, paint: Paint, big: Big): string[] {
  const seconds = Object.values(event.durations_ms).reduce((sum, ms) => sum + ms, 0) / 1_000;
  const what = {
    done: event.already ? 'was finished before; nothing was changed' : 'is finished',
    proven: 'is proven; take it to the next operation, it is not finished yet',
    checked: 'proved itself',
  }[event.state];
  return [
    '',
    ...big(['green', 'bold'], 'PASS'),
    `  ${paint(['green', 'bold'], 'PASS')}  lane ${event.lane}  ${event.device_id} ${what} (${seconds.toFixed(1)} s)`,
    '',
  ];
}

function failedLines(event: Extract<LineEvent, { event: 'failed' }>, paint: Paint, big: Big): string[] {
  const left = event.attempts_left === null ? '' : `  ${event.attempts_left} attempts left`;
  return [
    '',
    ...big(['red', 'bold'], 'FAIL'),
    `  ${paint(['red', 'bold'], 'FAIL')}  lane ${event.lane}  ${event.device_id ?? 'unit without an ID'}  [${event.failure_code}]${left}`,
    `  What:  ${event.message}`,
    `  When:  ${stepWords[event.step]}`,
    `  ${paint('bold', `Now:   ${event.hint}`)}`,
    '',
  ];
}
