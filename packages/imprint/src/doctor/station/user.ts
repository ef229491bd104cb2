/** Who the station runs as: not root, and where it has serial ports, one who may open them. */
import { type Finding, together, warn } from '../check.ts';
import { ofStation } from './facts.ts';

/** Groups to which distributions give serial ports. */
const serialGroups = ['dialout', 'uucp', 'tty'];
/** Groups whose members can become root, or read and write every disk. */
const mightyGroups = ['sudo', 'wheel', 'docker', 'lxd', 'disk', 'shadow'];

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
  const mighty = groups.filter((group) => mightyGroups.includes(group));
  if (uid !== 0 && mighty.length > 0) {
    findings.push(
      warn(
        `this user is in ${mighty.join(', ')}, whose members can become root`,
        'Take it out (gpasswd --delete USER GROUP), and work on the PC as another user.',
      ),
    );
  }
  return together(
    findings,
    serial.length === 0 ? 'not root; no lane has a serial port' : 'not root, and may open serial ports',
  );
});
