/** The live view: a block that is redrawn on a terminal, plain lines elsewhere. */
import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { Progress } from './progress.ts';

const redrawMs = 120;
const plainLineMs = 2_000;
const barWidth = 40;

/** Shows the progress on `stream` until the returned function is called. */
export function showProgress(progress: Progress, stream: NodeJS.WriteStream): () => void {
  if (!stream.isTTY) {
    const timer = setInterval(() => stream.write(`${plainLine(progress)}\n`), plainLineMs);
    return () => {
      clearInterval(timer);
      stream.write(`${plainLine(progress)}\n`);
    };
  }
  const draw = createLogUpdate(stream, { showCursor: true });
  const redraw = () => draw(block(progress));
  const timer = setInterval(redraw, redrawMs);
  return () => {
    clearInterval(timer);
    redraw();
    draw.done();
  };
}

function plainLine(progress: Progress): string {
  const left = progress.secondsLeft;
  return (
    `${progress.count('done')} done, ${progress.inWork.length} in work, ${progress.count('quarantined')} quarantined ` +
    `of ${progress.total}; ${progress.unitsASecond.toFixed(1)} units a second; ${left === null ? 'no rate yet' : `${Math.ceil(left)} s left`}`
  );
}

function block(progress: Progress): string {
  const share = progress.outcomes.length / progress.total;
  const filled = Math.round(share * barWidth);
  const bar = styleText('green', '█'.repeat(filled)) + styleText('gray', '░'.repeat(barWidth - filled));
  const lanes = progress.inWork.map(
    ({ lane, deviceId, step }) =>
      `  lane ${String(lane).padStart(2)}  ${deviceId.padEnd(18)} ${styleText('gray', step)}`,
  );
  return [`${bar}  ${Math.floor(share * 100)} %`, plainLine(progress), ...lanes, ''].join('\n');
}
