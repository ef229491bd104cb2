/**
 * What a device is configured with, name by name: the most specific set that has a value which the device's own contract allows.
 * Pure; a test holds it against every combination.
 */
import { type ConfigurationScope, configurationScope, type VersionRef } from '@imprint/contract/audit/entry';
import {
  type ConfigurationValue,
  type DeferredType,
  valueFault,
} from '@imprint/contract/provisioning-contract/deferred-configuration';

/** One version of one set that this device is offered. */
export interface Layer extends VersionRef {
  values: Record<string, ConfigurationValue>;
  /** Hashes under which the secret ones are sealed. */
  secrets: Record<string, string>;
}

export interface Resolved {
  name: string;
  from: VersionRef;
  /** Undefined for a secret that was not opened. */
  value: ConfigurationValue | undefined;
  secret: boolean;
}

/** Opens a secret of a layer. */
export type OpenSecret = (layer: Layer, name: string, sha256: string) => ConfigurationValue;

/**
 * Each name of the contract for which a layer has a value that fits, sorted by name.
 * @param layers in any order, of each scope one at most
 * @param open where it is left out, secrets stay closed and count as fitting
 */
export function resolveLayers(
  layers: readonly Layer[],
  types: ReadonlyMap<string, DeferredType>,
  open?: OpenSecret,
): Resolved[] {
  const specific = mostSpecificFirst(layers);
  return [...types.keys()]
    .sort()
    .flatMap((name) => first(specific, (layer) => candidate(layer, name, types.get(name)!, open)));
}

export function mostSpecificFirst(layers: readonly Layer[]): Layer[] {
  return [...layers].sort((a, b) => rank(b.scope) - rank(a.scope));
}

function candidate(
  layer: Layer,
  name: string,
  type: DeferredType,
  open: OpenSecret | undefined,
): Resolved | undefined {
  const { scope, subject, version } = layer;
  const from = { scope, subject, version };
  if (Object.hasOwn(layer.secrets, name)) {
    if (open === undefined) return { name, from, value: undefined, secret: true };
    const value = open(layer, name, layer.secrets[name]!);
    return valueFault(type, value) === undefined ? { name, from, value, secret: true } : undefined;
  }
  if (!Object.hasOwn(layer.values, name)) return undefined;
  const value = layer.values[name]!;
  return valueFault(type, value) === undefined ? { name, from, value, secret: false } : undefined;
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R[] {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return [found];
  }
  return [];
}

const rank = (scope: ConfigurationScope) => configurationScope.options.indexOf(scope);
