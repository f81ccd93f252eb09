import { originLine } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { type Html, html } from './html.ts';
import * as parts from './page-parts.ts';
import { inPage, style } from './page-style.ts';
import { everyPlot } from './plots.ts';
import { nameOf, nameParts } from './wording.ts';

/** Nothing is fetched, and nothing in the page runs, whatever it shows. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

async function plotFigures(result: LoadResult): Promise<readonly Html[]> {
  const all = await everyPlot(result, inPage);
  return all.map(
    ({ title, svg }) =>
      html`<figure><figcaption>${title}</figcaption>${svg === undefined ? html`<p class="soft">Not measured.</p>` : { markup: svg }}</figure>`,
  );
}

/** A result as one page that needs no network and no script; well-formed as HTML and as XML. */
export async function page(result: LoadResult): Promise<string> {
  const { scenario, description, origin, notes } = result;
  const { markup } = html`<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="${policy}"/>
<title>${nameOf(result)}: load test</title>
<style>${{ markup: style }}</style>
</head>
<body>
<main>
<h1>${scenario} <small>${nameParts(result).slice(1).join(', ')}</small></h1>
<p>${description}</p>
<p class="soft">${originLine(origin)}</p>
${parts.headline(result)}
${notes.map((note) => html`<p>${note}</p>`)}
${parts.events(result)}
<h2>Aims</h2>
${parts.aims(result)}
<h2>Messages</h2>
${parts.messages(result)}
<h2>Times</h2>
${parts.times(result)}
<h2>Plots</h2>
<div class="plots">${await plotFigures(result)}</div>
<h2>Errors</h2>
${parts.errors(result)}
<h2>Violations</h2>
${parts.violations(result)}
<h2>Driver</h2>
${parts.driver(result)}
<h2>Processes</h2>
${parts.processes(result)}
<h2>Settings</h2>
${parts.settings(result)}
</main>
</body>
</html>
`;
  return markup;
}
