/** What a unit would take if station and authority cost nothing: its own delays, and its bytes on the wire. Pure. */

/** A start bit, eight data bits and a stop bit. */
const bitsPerByte = 10;

export interface OwnTime {
  /** Commands that the unit carried out, each with the same delay. */
  commands: number;
  commandDelayMs: number;
  keyDelayMs: number;
  boots: number;
  bootDelayMs: number;
  /** Bytes in both directions; the unit answers when it was asked, so that they follow one another. */
  bytes: number;
  baud: number;
  /** By how much the simulated unit's timers fired late: a real one has none. */
  lateMs: number;
}

/** How long so many bytes take on a serial line. */
export function wireMs(bytes: number, baud: number): number {
  return (bytes * bitsPerByte * 1000) / baud;
}

/** The sum of a unit's delays, without its bytes. */
export function delaysMs(own: OwnTime): number {
  return own.keyDelayMs + own.commands * own.commandDelayMs + own.boots * own.bootDelayMs;
}

/** By how many percent `measuredMs` is above the unit's delays and bytes, as late as they were. */
export function overheadPercent(measuredMs: number, own: OwnTime): number {
  const ownMs = delaysMs(own) + wireMs(own.bytes, own.baud) + own.lateMs;
  return (100 * (measuredMs - ownMs)) / ownMs;
}
