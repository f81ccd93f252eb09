import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchChromium } from './chromium.ts';
import { Visitor, type VisitorOptions } from './visitor.ts';

/** Gives the tests of a file one Chromium, and fails each in which a page did what it must not. */
export function browsing() {
  let browser: Browser | undefined;
  const faults: string[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  // Not when the visitor leaves: what threw in the test itself would not be seen then.
  afterEach(() => expect(faults.splice(0)).toEqual([]));
  return {
    /** Somebody new, with a browser that remembers nothing. */
    visitor(url: string, options: VisitorOptions = {}): Promise<Visitor> {
      if (browser === undefined) throw new Error('only a test has visitors');
      return Visitor.come(browser, url, options, faults);
    },
  };
}
