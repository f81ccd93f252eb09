import { readFileSync } from 'node:fs';
import { missing, number, originLine } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import type { Palette } from './draw.ts';
import { findingsOf } from './findings.ts';
import { type Html, html } from './html.ts';
import { everyPlot } from './plots.ts';
import { leavesOf, type Rows } from './settings.ts';
import {
  aimsTable,
  type Cell,
  driverTable,
  errorsTable,
  messagesTable,
  processesTable,
  textOf,
  timesTable,
} from './tables.ts';
import { totalsOf } from './totals.ts';
import { count, figure, nameOf, nameParts, violationNames } from './wording.ts';

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

/** Plots take their colours from the page, so that they follow its theme. */
const inPage: Palette = {
  ground: 'transparent',
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  line: 'var(--line)',
  alarm: 'var(--bad)',
  series: [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `var(--series-${index})`),
};

/** Nothing is fetched, and nothing in the page runs, whatever it shows. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

async function plotFigures(result: LoadResult): Promise<readonly Html[]> {
  const all = await everyPlot(result, inPage);
  return all.map(
    ({ title, svg }) =>
      html`<figure><figcaption>${title}</figcaption>${svg === undefined ? html`<p class="soft">Not measured.</p>` : { markup: svg }}</figure>`,
  );
}

/** A table that is scrolled by itself where the page is too narrow for it. Says `none` when it has no rows. */
function table(
  name: string,
  { head, rows }: { readonly head: readonly string[]; readonly rows: readonly (readonly (Cell | Html)[])[] },
  none = 'Nothing was measured.',
): Html {
  if (rows.length === 0) return html`<p>${none}</p>`;
  const shown = (cell: Cell | Html) => html`<td>${typeof cell === 'object' ? cell : textOf(cell)}</td>`;
  return html`<div class="wide" role="region" tabindex="0" aria-label="${name}"><table>
<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => html`<tr>${cells.map(shown)}</tr>`)}</tbody>
</table></div>`;
}

function judged(words: string, isGood: boolean): Html {
  return html`<span class="${isGood ? 'good' : 'bad'}">${words}</span>`;
}

function pairs(rows: Rows): readonly Html[] {
  return Object.entries(rows).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`);
}

function list(items: readonly string[]): Html {
  return items.length === 0 ? html`` : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
}

/** What is to be known of the run in one look: figures, and whether anything is wrong. */
function headline(result: LoadResult): Html {
  const { said, answered, answeredPerSecond, lost, errors, violations } = totalsOf(result);
  const figures: Rows = {
    said: count(said),
    answered: count(answered),
    'answered a second': figure(answeredPerSecond),
    lost: count(lost),
    errors: count(errors),
    violations: count(violations),
    'seconds run': figure(result.driver.ranMs / 1_000),
  };
  const findings = findingsOf(result).map(({ words, isGood }) => html`<li>${judged(words, isGood)}</li>`);
  return html`<dl class="headline">${pairs(figures)}</dl>
<ul class="findings">${findings}</ul>`;
}

function aims(result: LoadResult): Html {
  const { head, rows } = aimsTable(result);
  const judgedRows = rows.map((cells, index) => [
    ...cells.slice(0, -1),
    judged(textOf(cells.at(-1)), result.aims[index]?.isMet === true),
  ]);
  return table('Aims', { head, rows: judgedRows }, 'None were set.');
}

function times(result: LoadResult): Html {
  return html`${table('Times', timesTable(result))}
<p class="soft">${missing} was not measured. Times of messages are from the first byte written, an upload included.</p>`;
}

/** What was looked at, each with how often it was otherwise; and what the audit found. */
function violations({ driver, verdict: { audit } }: LoadResult): Html {
  const rows = Object.entries(violationNames).map(([name, words]) => {
    const times = driver.violations[name as keyof typeof violationNames];
    return [words, judged(count(times), times === 0)];
  });
  const breaches =
    audit.breaches.length === 0 ? html`` : html`<p>The audit of the log says:</p>${list(audit.breaches)}`;
  return html`${table('Violations', { head: ['what was looked at', 'times'], rows })}${list(driver.violationExamples)}${breaches}`;
}

/** Whether the figures are the servers', not the driver's. */
function driver(result: LoadResult): Html {
  const { utilization, cpuSeconds } = result.driver.health;
  return html`<p>Its thread was busy ${number(utilization * 100)} % of the time; it used ${number(cpuSeconds)} s of CPU.</p>
${table('Driver', driverTable(result))}`;
}

/** Everything that was done to the servers, numbered as in the plots. */
function events({ events: all }: LoadResult): Html {
  if (all.length === 0) return html``;
  return html`<h2>Done to the servers</h2>
<ol>${all.map(({ second, what }) => html`<li>at ${number(second)} s: ${what}</li>`)}</ol>`;
}

/** What one needs to run it again. */
function settings({ load, limits, settings: given, origin }: LoadResult): Html {
  const rows = { ...leavesOf(load), ...leavesOf(limits), ...given, ...leavesOf(origin) };
  return html`<dl class="settings">${pairs(rows)}</dl>`;
}

/** A result as one page that needs no network and no script; well-formed as HTML and as XML. */
export async function page(result: LoadResult): Promise<string> {
  const { scenario, description, origin, notes } = result;
  const sections: readonly (readonly [title: string, content: Html])[] = [
    ['Aims', aims(result)],
    ['Messages', table('Messages', messagesTable(result))],
    ['Times', times(result)],
    ['Plots', html`<div class="plots">${await plotFigures(result)}</div>`],
    ['Errors', table('Errors', errorsTable(result), 'None.')],
    ['Violations', violations(result)],
    ['Driver', driver(result)],
    ['Processes', table('Processes', processesTable(result))],
    ['Settings', settings(result)],
  ];
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
${headline(result)}
${notes.map((note) => html`<p>${note}</p>`)}
${events(result)}
${sections.map(
  ([title, content]) => html`<h2>${title}</h2>
${content}`,
)}
</main>
</body>
</html>
`;
  return markup;
}
