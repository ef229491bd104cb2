/** A file of devices to move: CSV with a column `device_id` and, if wanted, `reason`, or one ID a line. */
import { deviceIdText } from '@imprint/contract/audit/entry';
import { type NamingColumn, parseListFile } from './list-file.ts';
import type { ListedDevice } from './transition-list.ts';

/** How a file names devices. */
export const deviceColumn: NamingColumn<'device_id'> = {
  name: 'device_id',
  noun: 'device ID',
  isOne: (text) => deviceIdText.safeParse(text).success,
};

/** @throws file_invalid: `file:line:column: message`, all of it in `context.findings`; request_too_large */
export function parseDeviceList(text: string, fileName: string): ListedDevice[] {
  return parseListFile(text, fileName, [deviceColumn]).map(({ value, reason }) => ({
    deviceId: value,
    reason,
  }));
}
