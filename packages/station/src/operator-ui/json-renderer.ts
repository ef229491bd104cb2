/** Every event as one line of JSON, for programs that run a station. The fields are those of `LineEvent`. */
import type { Emit } from '../line-event.ts';

export function jsonRenderer(write: (text: string) => void): Emit {
  return (event) => write(`${JSON.stringify(event)}\n`);
}
