/** Judges the paths that a manifest names: each stays inside the manifest's folder, on every operating system. */

/**
 * What is wrong with a path, or undefined. A path that passes is one or more names joined by `/`. That no name on the
 * way is a symbolic link is for whoever opens the file.
 */
export function pathFault(path: string): string | undefined {
  if (path === '') return 'the path is empty';
  if (path.length > 255) return 'the path is longer than 255 characters';
  if (path.includes('\0')) return 'the path holds a NUL';
  if (!/^[\x20-\x7e]+$/.test(path)) return 'the path holds a character outside printable ASCII';
  if (path.includes('\\')) return 'the path holds a backslash: folders are joined by /';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) {
    return 'the path is absolute: certificate files lie beside the manifest';
  }
  const names = path.split('/');
  if (names.includes('..')) return 'the path leaves the folder of the manifest';
  if (names.includes('.') || names.includes('')) return 'the path has an empty part or a dot as part';
  if (names.some((name) => /^ | $|\.$/.test(name)))
    return 'a part of the path begins or ends with a space, or ends with a dot';
  return undefined;
}
