/** Which kind of link a port's text means: the one place that names the concrete ones. */
import type { DutLink } from './dut-link.ts';
import { SerialLink } from './serial-link.ts';
import { TcpLink } from './tcp-link.ts';

export const defaultBaud = 115_200;

/**
 * The link for `tcp://host:port`, or for the path of a serial port; still closed.
 * @throws usage
 */
export function linkTo(port: string, baud: number = defaultBaud): DutLink {
  return port.startsWith('tcp:') ? new TcpLink(port) : new SerialLink(port, baud);
}
