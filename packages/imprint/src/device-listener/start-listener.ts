/** Starts the listener for devices on a thread of its own. */
import type { ConfigurationDecisions } from '@imprint/authority/http/configuration-route';
import type { DeviceListenerTls } from '@imprint/authority/http/device-listener';
import type { EnrolmentDecisions } from '@imprint/authority/http/est-route';
import type { DeviceDecisions } from '@imprint/authority/onboarding/device-decisions';
import { type ListenerThread, type Listening, startThread } from '../start-thread.ts';

/** Key and certificate of the listener. */
export type DeviceServerTls = Omit<DeviceListenerTls, 'deviceCaPem'>;

/** What the thread is started with. */
export interface DeviceListenerData {
  /** The authority's home, where it reads its configuration and certificates. */
  folder: string;
  server: DeviceServerTls;
}

/** What the thread is asked. */
export interface DeviceListening extends Listening {
  /** Where other doors of this machine ask. */
  listenToDoors(host: string, port: string | number): Promise<string>;
  renew(server: DeviceServerTls): Promise<void>;
}

/** What the thread asks: every decision. */
export type DeviceDeciding = DeviceDecisions & EnrolmentDecisions & ConfigurationDecisions;

const program = new URL('./listener-thread.ts', import.meta.url);

export function startDeviceListener(
  data: DeviceListenerData,
  deciding: DeviceDeciding,
): ListenerThread<DeviceListening> {
  return startThread<DeviceListening, DeviceDeciding>('listener for devices', program, data, deciding);
}
