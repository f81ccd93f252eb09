import type { Browser, BrowserContext, BrowserContextOptions, ConsoleMessage, Page, Request } from 'playwright-core';

/** Bounds a hanging test on a slow machine, and asserts nothing. */
export const waitTimeoutMs = 30_000;

/** What Chromium says by itself about a request that got no answer, or a proxy's that no server answers. */
const outageWords =
  /^Failed to load resource: (?:net::ERR_(?!BLOCKED)\w+|the server responded with a status of 50[234])/;

/** What it says when a policy has refused something. */
const refusedWords = /violates the following Content Security Policy directive/;

function isLocal({ hostname }: URL): boolean {
  return hostname === '127.0.0.1';
}

export interface VisitorOptions extends Pick<BrowserContextOptions, 'colorScheme' | 'viewport' | 'locale'> {
  /** The server, or the way to it, goes away in this test: what Chromium says about that is no fault of the page. */
  readonly outage?: boolean;
  /** What is said in this test tries what a policy refuses: what Chromium says about that is no fault. */
  readonly triesHarm?: boolean;
  /** Origins beside its own that the page may ask, such as the issuer's. */
  readonly mayAsk?: readonly string[];
}

/**
 * Somebody with a browser of their own: nothing is kept in it from another test. Notes whatever a page does that it must not: an exception, an
 * error in the console (which a breach of the content security policy is as well), a request to another origin.
 */
export class Visitor implements AsyncDisposable {
  readonly context: BrowserContext;
  readonly #url: string;
  readonly #faults: string[];
  readonly #options: VisitorOptions;

  private constructor(context: BrowserContext, url: string, options: VisitorOptions, faults: string[]) {
    this.context = context;
    this.#url = url;
    this.#faults = faults;
    this.#options = options;
    context.setDefaultTimeout(waitTimeoutMs);
    context.on('console', (message) => this.#heed(message));
    context.on('weberror', (error) => this.#faults.push(`exception: ${error.error().stack}`));
    context.on('request', (request) => this.#heedRequest(request));
  }

  static async come(browser: Browser, url: string, options: VisitorOptions, faults: string[]): Promise<Visitor> {
    const { outage: _outage, triesHarm: _triesHarm, mayAsk: _mayAsk, ...settings } = options;
    const context = await browser.newContext({
      locale: 'en-GB',
      timezoneId: 'Europe/Paris',
      reducedMotion: 'reduce',
      ignoreHTTPSErrors: true,
      ...settings,
    });
    // What the pages of those others ask is their own affair, but never leaves the machine.
    if (options.mayAsk !== undefined)
      await context.route(
        (asked) => !isLocal(asked),
        (route) => route.abort(),
      );
    return new Visitor(context, url, options, faults);
  }

  /** A new tab with the page. */
  async openPage(path = ''): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(new URL(path, this.#url).href);
    return page;
  }

  #heed(message: ConsoleMessage): void {
    if (message.type() !== 'error' || !this.#isOwn(message.page()?.url() ?? '')) return;
    const text = message.text();
    if (this.#options.outage === true && outageWords.test(text)) return;
    if (this.#options.triesHarm === true && refusedWords.test(text)) return;
    this.#faults.push(`console: ${text} (${message.location().url})`);
  }

  #heedRequest(request: Request): void {
    const url = request.url();
    if (url.startsWith('blob:') || this.#isOwn(url)) return;
    // Of a request that leads to another page there is no frame yet.
    if (!request.isNavigationRequest() && !this.#isOwn(request.frame().url())) return;
    if (this.#options.mayAsk?.includes(new URL(url).origin) !== true) this.#faults.push(`a request to ${url}`);
  }

  #isOwn(url: string): boolean {
    return URL.parse(url)?.origin === new URL(this.#url).origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
  }
}
