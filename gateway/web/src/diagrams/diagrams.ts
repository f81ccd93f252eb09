import type { DiagramAnswer, DiagramRequest } from './request.ts';

/** Longer ones stay code: how long the layout takes grows faster than the text. */
const maxDiagramChars = 5_000;
/** From a request to its picture, the library's first load included. */
const maxDrawingMs = 10_000;
/** Of the picture: it is text that is kept as long as it is shown. */
const maxPictureChars = 2_000_000;

/** Draws one diagram after the other in a hidden frame, which is made for the first. */
class Diagrams {
  #frame: Promise<HTMLIFrameElement> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @returns undefined where the code is to stay */
  draw(request: DiagramRequest): Promise<DiagramAnswer | undefined> {
    if (request.code.length > maxDiagramChars) return Promise.resolve(undefined);
    const drawn = this.#last.then(() => this.#ask(request));
    this.#last = drawn;
    return drawn;
  }

  async #ask(request: DiagramRequest): Promise<DiagramAnswer | undefined> {
    this.#frame ??= newFrame();
    const frame = await this.#frame;
    const { port1, port2 } = new MessageChannel();
    const answer = await new Promise<unknown>((resolve) => {
      const timer = setTimeout(() => resolve('late'), maxDrawingMs);
      port1.onmessage = ({ data }) => {
        clearTimeout(timer);
        resolve(data);
      };
      // It has no origin that could be named.
      frame.contentWindow?.postMessage(request, '*', [port2]);
    });
    port1.close();
    if (answer === 'late') {
      frame.remove();
      this.#frame = undefined;
    }
    return asPicture(answer);
  }
}

/** For all diagrams of the page. */
export const diagrams = new Diagrams();

/** Hidden, but laid out: text is measured in it. Resolves once its script has run, or could not be loaded. */
function newFrame(): Promise<HTMLIFrameElement> {
  const frame = document.createElement('iframe');
  frame.className = 'diagrams-frame';
  frame.title = 'Diagrams';
  frame.ariaHidden = 'true';
  frame.tabIndex = -1;
  frame.sandbox.add('allow-scripts');
  frame.src = 'diagrams.html';
  return new Promise((resolve) => {
    frame.onload = () => resolve(frame);
    document.body.append(frame);
  });
}

/** Whatever drew it is not trusted. */
function asPicture(answer: unknown): DiagramAnswer | undefined {
  const { svg, width, height } = Object(answer);
  const isOne = typeof svg === 'string' && svg.length <= maxPictureChars && width > 0 && height > 0;
  return isOne ? { svg, width: Number(width), height: Number(height) } : undefined;
}
