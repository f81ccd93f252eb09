/** Characters of the bar itself. */
const width = 30;

/** Drawn at most this often; a terminal shows no more, and a pipe need not keep it. */
const drawMs = 100;

/** Draws how far a long piece of work is on standard error, if that is a terminal. Call with the end to finish the line. */
export function progressBar(label: string): (done: number, inAll: number) => void {
  const out = process.stderr;
  let drawnMs = 0;
  return (done, inAll) => {
    if (!out.isTTY) return;
    const isEnd = done >= inAll;
    if (!isEnd && performance.now() - drawnMs < drawMs) return;
    drawnMs = performance.now();
    const share = inAll === 0 ? 1 : done / inAll;
    const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '░');
    out.write(`\r${label} ${bar} ${Math.floor(share * 100)}% (${done} of ${inAll})${isEnd ? '\n' : ''}`);
  };
}
