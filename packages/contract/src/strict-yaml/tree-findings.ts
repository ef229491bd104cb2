/** Refuses, on the composed tree, keys that are not plain text or that JavaScript objects give a meaning of their own. */

import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { quoteText } from '../quote-text.ts';

/** A finding by its offset in the text. */
export interface FoundAt {
  offset: number;
  message: string;
  hint: string;
}

const refusedKeys = ['__proto__', 'constructor', 'prototype', '<<'];

/** All keys at fault under this node, whose depth is bounded already. */
export function treeFindings(node: unknown): FoundAt[] {
  if (isSeq(node)) return node.items.flatMap(treeFindings);
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }) => {
    const offset = (key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
    if (!isScalar(key) || typeof key.value !== 'string') {
      return [{ offset, message: 'a key is not plain text', hint: 'Put it in quotes, or mend the line.' }];
    }
    if (refusedKeys.includes(key.value)) {
      return [{ offset, message: `the key ${quoteText(key.value)} is not allowed`, hint: 'Remove it.' }];
    }
    return treeFindings(value);
  });
}
