/** What the worker is asked. */
export interface HighlightRequest {
  /** As the fence of a code block names it. */
  readonly language: string;
  readonly code: string;
}

/** A CSS class, '' for none, and a piece of code that has it. */
export type CodeSpan = readonly [className: string, text: string];

/** Grammars are regular expressions, some of which take time by the square of the text: code that takes longer stays plain. */
const maxHighlightMs = 1_000;
/** Longer code stays plain: each word is an element of the page. */
const maxHighlightedChars = 20_000;

/** Finds the words of code in another thread, so that no code, however it is written, holds up the page. One block at a time. */
class Highlighter {
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @returns pieces that make up `code`; undefined where it is to stay plain */
  spansOf(request: HighlightRequest): Promise<readonly CodeSpan[] | undefined> {
    const { language, code } = request;
    if (language === '' || code.length > maxHighlightedChars) return Promise.resolve(undefined);
    const spans = this.#last.then(() => this.#ask(request));
    this.#last = spans;
    return spans;
  }

  async #ask(request: HighlightRequest): Promise<readonly CodeSpan[] | undefined> {
    this.#worker ??= await startWorker();
    const worker = this.#worker;
    if (worker === undefined) return undefined;
    worker.postMessage(request);
    const spans = await answerOf(worker, maxHighlightMs);
    if (Array.isArray(spans)) return spans.length === 0 ? undefined : spans;
    worker.terminate();
    this.#worker = undefined;
    return undefined;
  }
}

/** For all code of the page. */
export const highlighter = new Highlighter();

/** @returns undefined when its script cannot be loaded */
async function startWorker(): Promise<Worker | undefined> {
  const worker = new Worker(new URL('./highlight-worker.ts', import.meta.url), { type: 'module' });
  if ((await answerOf(worker)) !== undefined) return worker;
  worker.terminate();
  return undefined;
}

/** The next message of a worker; undefined when it fails, or says nothing for so long. */
function answerOf(worker: Worker, timeoutMs?: number): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => resolve(undefined), timeoutMs);
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      resolve(data);
    };
    worker.onerror = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
  });
}
