import { type DiagramAnswer, type DiagramRequest, unavailable } from './request.ts';

/** Longer ones stay code: how long the layout takes grows faster than the text. */
const maxDiagramChars = 5_000;
/** From a request to its picture, the first load of frame and library included. */
const maxDrawingMs = 10_000;
/** Of the picture: it is text that is kept as long as it is shown. */
const maxPictureChars = 2_000_000;

/** Draws one diagram after the other in a hidden frame, which is made for the first. */
class Diagrams {
  #frame: Frame | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param gone once aborted, the diagram is not drawn any more: those that follow must not wait for a hundred slow ones that nobody sees
   * @returns undefined where the code is to stay
   */
  draw(request: DiagramRequest, gone: AbortSignal): Promise<DiagramAnswer | undefined> {
    if (request.code.length > maxDiagramChars) return Promise.resolve(undefined);
    const drawn = this.#last.then(() => (gone.aborted ? undefined : this.#ask(request)));
    this.#last = drawn;
    return drawn;
  }

  async #ask(request: DiagramRequest): Promise<DiagramAnswer | undefined> {
    this.#frame ??= newFrame();
    const { element, loaded } = this.#frame;
    const { port1, port2 } = new MessageChannel();
    const answer = await new Promise<unknown>((resolve) => {
      const timer = setTimeout(() => resolve(unavailable), maxDrawingMs);
      port1.onmessage = ({ data }) => {
        clearTimeout(timer);
        resolve(data);
      };
      // It has no origin that could be named.
      void loaded.then(() => element.contentWindow?.postMessage(request, '*', [port2]));
    });
    port1.close();
    // The next diagram gets another frame: what hung, or could not be loaded while the server was away, may work then.
    if (answer === unavailable) {
      element.remove();
      this.#frame = undefined;
    }
    return asPicture(answer);
  }
}

/** For all diagrams of the page. */
export const diagrams = new Diagrams();

interface Frame {
  readonly element: HTMLIFrameElement;
  /** Its script has run, or could not be loaded. */
  readonly loaded: Promise<void>;
}

/** Hidden, but laid out: text is measured in it. */
function newFrame(): Frame {
  const element = document.createElement('iframe');
  element.className = 'diagrams-frame';
  element.title = 'Diagrams';
  element.ariaHidden = 'true';
  element.tabIndex = -1;
  element.sandbox.add('allow-scripts');
  element.src = 'diagrams.html';
  const loaded = new Promise<void>((resolve) => {
    element.onload = () => resolve();
  });
  document.body.append(element);
  return { element, loaded };
}

/** Whatever drew it is not trusted. */
function asPicture(answer: unknown): DiagramAnswer | undefined {
  const { svg, width, height } = Object(answer);
  const isOne = typeof svg === 'string' && svg.length <= maxPictureChars && width > 0 && height > 0;
  return isOne ? { svg, width: Number(width), height: Number(height) } : undefined;
}
