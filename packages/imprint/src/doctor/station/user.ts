/** Who the station runs as: not root, and where it has serial ports, one who may open them. */
import { type Finding, together, warn } from '../check.ts';
import { ofStation } from './facts.ts';

/** Groups to which distributions give serial ports. */
const serialGroups = ['dialout', 'uucp', 'tty'];

export const user = ofStation('user', ({ settings }, { uid, groups }) => {
  const findings: Finding[] = [];
  const serial = settings.lanes.filter(({ port }) => !port.startsWith('tcp://'));
  if (uid === 0) {
    findings.push(
      warn(
        'this runs as root',
        'Give the station a user of its own, in the group of the serial ports (docs/guide/hardening.md).',
      ),
    );
  } else if (serial.length > 0 && !groups.some((group) => serialGroups.includes(group))) {
    findings.push(
      warn(
        'this user is in no group of serial ports, such as dialout',
        'Add it: usermod --append --groups dialout USER, then log in anew.',
      ),
    );
  }
  return together(
    findings,
    serial.length === 0 ? 'not root; no lane has a serial port' : 'not root, and may open serial ports',
  );
});
