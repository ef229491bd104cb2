/** Refuses, on the flat tokens and without recursion, what must not reach the recursing parts of a YAML parser. */

import type { CST } from 'yaml';
import { limits } from '../limits.ts';
import type { FoundAt } from './tree-findings.ts';

const refusedTokens: Record<string, [what: string, hint: string]> = {
  alias: ['an alias', 'Write the value out: a contract reads from top to bottom.'],
  anchor: ['an anchor', 'Write the value out where it is used.'],
  tag: ['a tag', 'Remove it: every key has one type already.'],
  directive: ['a directive', 'Remove the line: YAML 1.2 is what is read.'],
  'doc-end': ['an end-of-document mark', 'Remove it: the file is one document.'],
};

/** The first thing that is refused in these tokens, or none. */
export function tokenFindings(tokens: CST.Token[]): FoundAt[] {
  const documents = tokens.filter((token) => token.type === 'document');
  if (documents.length > 1) {
    return [
      {
        offset: documents[1]!.offset,
        message: 'a second document begins here',
        hint: 'Put it in a file of its own.',
      },
    ];
  }
  const pending: { token: CST.Token; depth: number }[] = tokens
    .map((token) => ({ token, depth: 0 }))
    .reverse();
  while (pending.length > 0) {
    const { token, depth } = pending.pop()!;
    const found = refusal(token, depth);
    if (found !== undefined) return [found];
    for (const child of childrenOf(token).reverse()) {
      pending.push({ token: child, depth: isCollection(child) ? depth + 1 : depth });
    }
  }
  return [];
}

function refusal(token: CST.Token | CST.SourceToken, depth: number): FoundAt | undefined {
  const offset = token.offset;
  if (token.type === 'error')
    return { offset, message: 'this is not YAML', hint: token.message.split('\n')[0]! };
  if (Object.hasOwn(refusedTokens, token.type)) {
    const [what, hint] = refusedTokens[token.type]!;
    return { offset, message: `${what} stands here, which is not allowed`, hint };
  }
  if (depth > limits.yamlDepth) {
    return {
      offset,
      message: `nested deeper than ${limits.yamlDepth} levels`,
      hint: 'No key of ours lies that deep.',
    };
  }
  if (isCollection(token) && 'items' in token && token.items.length > limits.yamlEntries) {
    const message = `more than ${limits.yamlEntries} entries in one collection`;
    return { offset, message, hint: 'Remove what does not belong here.' };
  }
  return undefined;
}

function isCollection(token: CST.Token): boolean {
  return token.type === 'block-map' || token.type === 'block-seq' || token.type === 'flow-collection';
}

function childrenOf(token: CST.Token | CST.SourceToken): CST.Token[] {
  const children: (CST.Token | null | undefined)[] = [];
  if (token.type === 'document') children.push(...token.start, token.value, ...(token.end ?? []));
  if ('items' in token) {
    for (const item of token.items) children.push(...item.start, item.key, ...(item.sep ?? []), item.value);
  }
  if ('end' in token && Array.isArray(token.end)) children.push(...token.end);
  return children.filter((child) => child !== null && child !== undefined);
}
