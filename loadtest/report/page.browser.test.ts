import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser } from 'playwright-core';
import { launchChromium } from '../../gateway/web/browser/testing/chromium.ts';
import { seededRandom } from '../../src/testing/random.ts';
import { page } from './page.ts';
import { sampleResult, troubledResult } from './testing/sample-result.ts';

const random = seededRandom();
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Ground, and the first line of a plot. */
const themes = {
  light: ['rgb(252, 251, 248)', 'rgb(15, 118, 110)'],
  dark: ['rgb(26, 27, 26)', 'rgb(79, 209, 192)'],
} as const;
const wide = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

test.each([
  ['light', wide, sampleResult],
  ['dark', wide, troubledResult],
  ['light', phone, troubledResult],
  ['dark', phone, sampleResult],
] as const)(
  'in %s, at %j, is well-formed, fits, can be read and asks for nothing',
  async (colorScheme, viewport, sample) => {
    const markup = await page(sample(random));
    const context = await browser.newContext({ colorScheme, viewport });
    const shown = await context.newPage();
    const faults: string[] = [];
    shown.on('console', (message) => faults.push(message.text()));
    shown.on('request', (request) => faults.push(request.url()));
    await shown.setContent(markup);

    // What is evaluated is text: the types of this folder know no browser.
    const parsed = `new DOMParser().parseFromString(${JSON.stringify(markup)}, 'application/xhtml+xml')`;
    expect(await shown.evaluate(`${parsed}.querySelector('parsererror')?.textContent`)).toBeUndefined();
    expect(await shown.locator('figure svg').count()).toBe(10);
    expect(await shown.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0);
    const colours = `[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.mark-line path')).stroke]`;
    // The page's theme reaches its plots.
    expect(await shown.evaluate(colours)).toEqual(themes[colorScheme]);
    await shown.evaluate(axeSource);
    // It takes seconds over the marks of a drawing, and has nothing to say of them.
    const { violations } = (await shown.evaluate(
      `axe.run({ exclude: ['figure svg g'] }, ${JSON.stringify({ runOnly: rules })})`,
    )) as AxeResults;
    expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
    expect(faults).toEqual([]);
    await context.close();
  },
);
