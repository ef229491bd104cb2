/** What the simulated factories make: the two products of the examples, and who works on which. */
import { readFileSync } from 'node:fs';
import { type CheckedContract, checkContract } from '@imprint/authority/registry/contracts';

export interface Product {
  checked: CheckedContract;
  orderId: string;
  /** Two visits with a calibration between, and labels that are printed at the end. */
  isTwoVisits: boolean;
}

/** How soon a revocation has to show: sooner than the examples ask, so that a factory sees it within its day. */
export const visibleWithinMinutes = 6;
const bound = /visible_within_minutes: \d+/;

function product(name: string, orderId: string): Product {
  const file = new URL(`../../../../examples/contracts/${name}.yaml`, import.meta.url);
  const text = readFileSync(file, 'utf8').replace(bound, `visible_within_minutes: ${visibleWithinMinutes}`);
  const checked = checkContract(text, `${name}.yaml`);
  const visits = checked.contract.route.filter(({ external }) => external !== true);
  return { checked, orderId, isTwoVisits: visits.length > 0 && checked.contract.label.mode === 'at-end' };
}

export const gateways: Product = product('gateway', 'gateways-1');
export const sensors: Product = product('sensor', 'sensors-1');

/** Every so many units one is a sensor. */
const sensorEvery = 4;

export function productOf(unit: number): Product {
  return unit % sensorEvery === sensorEvery - 1 ? sensors : gateways;
}
