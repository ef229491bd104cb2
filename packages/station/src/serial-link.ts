/**
 * A link over a serial port, bound to its path: name it by where it is plugged in (`/dev/serial/by-path/…`), since
 * names such as ttyUSB0 move when a port re-enumerates. Any baud that the system takes, standard or not.
 */
import { ImprintError } from '@imprint/contract/errors';
import { SerialPort } from 'serialport';
import type { DutLink, DutLinkEvents } from './dut-link.ts';

/**
 * On a port that is hung up `read` answers with nothing, at once and for ever, and the library asks again each time; so
 * the system is asked for the port's settings now and then, which fails where there is no port any more.
 */
const hangUpCheckMs = 250;

export class SerialLink implements DutLink {
  readonly port: string;
  readonly baud: number;
  #serial: SerialPort | undefined;

  constructor(port: string, baud: number) {
    if (!Number.isSafeInteger(baud) || baud < 50 || baud > 20_000_000) {
      throw new ImprintError('usage', `${baud} is not a baud rate`, {
        hint: 'Give bits a second, such as 115200.',
      });
    }
    this.port = port;
    this.baud = baud;
  }

  async open(events: DutLinkEvents): Promise<void> {
    await this.close();
    // Without hupcl the port keeps DTR at closing: many boards take a falling DTR as a reset.
    const serial = new SerialPort({ path: this.port, baudRate: this.baud, autoOpen: false, hupcl: false });
    await new Promise<void>((resolve, reject) => {
      serial.open((error) => (error ? reject(lost(this.port, error.message)) : resolve()));
    });
    // What a former unit left in the system's buffer must not be taken for this one's answer.
    await new Promise<void>((resolve) => {
      serial.flush(() => resolve());
    });
    this.#serial = serial;
    runPromisesWhenPolled(serial);
    let reason = 'the port went away';
    serial.on('error', (error) => {
      reason = error.message;
    });
    serial.on('data', (bytes: Uint8Array) => events.bytes(bytes));
    const lose = () => {
      clearInterval(watch);
      if (this.#serial !== serial) return;
      this.#serial = undefined;
      if (serial.isOpen) serial.close(() => undefined);
      events.closed(reason);
    };
    const watch = setInterval(() => {
      serial.port?.getBaudRate().catch(lose);
    }, hangUpCheckMs);
    watch.unref();
    serial.on('close', lose);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const serial = this.#serial;
    if (!serial?.isOpen) throw lost(this.port, 'it is not open');
    await new Promise<void>((resolve, reject) => {
      serial.write(Buffer.from(bytes), (error) => {
        if (error) reject(lost(this.port, error.message));
        else resolve();
      });
    });
  }

  async close(): Promise<void> {
    const serial = this.#serial;
    this.#serial = undefined;
    if (!serial?.isOpen) return;
    await new Promise<void>((resolve) => {
      serial.close(() => resolve());
    });
  }
}

/**
 * The library's native poller calls into JavaScript without letting promises run afterwards, and the read that follows
 * is one: it would wait for whatever wakes the process next, seconds later on a quiet line. An immediate wakes it now.
 */
function runPromisesWhenPolled(serial: SerialPort): void {
  const { port } = serial;
  if (!port || !('poller' in port)) return;
  const wake = () => void setImmediate(() => {});
  port.poller.on('readable', wake);
  port.poller.on('writable', wake);
}

function lost(port: string, reason: string): ImprintError {
  return new ImprintError('link_lost', `no link to the unit at ${port}: ${reason}`, {
    hint: 'Check that the fixture is plugged into this port and that no other program holds it, then scan again.',
    context: { port },
  });
}
