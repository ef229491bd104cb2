/** When the station's certificate ends. */
import { X509Certificate } from 'node:crypto';
import { limits } from '@imprint/contract/limits';
import { endOf } from '../ends.ts';
import { ofStation } from './facts.ts';

export const certificate = ofStation('certificate', ({ identity }, { now }) =>
  endOf(
    'its certificate',
    new X509Certificate(identity.certificatePem).validToDate,
    now(),
    limits.stationEndsSoonDays,
    'Have it revoked and invited again at the authority, and enrol it anew before the line stands.',
  ),
);
