/** Routes of what is done with devices and their credentials, one or many by one request. */
import type { Permission } from '../permission.ts';
import {
  revocationListRequest,
  revocationListView,
  revocationRequest,
  revocationView,
} from './credentials.ts';
import { transitionListRequest, transitionListView, transitionRequest, transitionView } from './lifecycle.ts';
import { route } from './route.ts';

export const deviceActRoutes = {
  moveDevice: route(
    'POST',
    '/v1/devices/move',
    'Moves a device along its lifecycle: device.ship, device.service or device.release, by where it goes.',
    transitionRequest,
    transitionView,
  ),
  moveDevices: route(
    'POST',
    '/v1/devices/move-list',
    'Moves a list of devices, or says what would come of it; the permission is that of moveDevice.',
    transitionListRequest,
    transitionListView,
  ),
  revokeCredential: route(
    'POST',
    '/v1/credentials/revoke',
    'Revokes by serial or by public key, also what was never stored or delivered; for ever.',
    revocationRequest,
    revocationView,
  ),
  revokeCredentials: route(
    'POST',
    '/v1/credentials/revoke-list',
    'Revokes a list of devices or serials, or says what would come of it; several take a second person.',
    revocationListRequest,
    revocationListView,
  ),
} as const;

/** `signed-in`: what a move takes stands in lifecycle.ts, by where the device goes. */
export const deviceActPermissions: Record<keyof typeof deviceActRoutes, Permission | 'signed-in'> = {
  moveDevice: 'signed-in',
  moveDevices: 'signed-in',
  revokeCredential: 'credential.revoke',
  revokeCredentials: 'credential.revoke',
};
