import { number } from '../markdown.ts';
import type { LoadResult } from '../result.ts';
import { findingsOf } from './findings.ts';
import { type Html, html } from './html.ts';
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
import { count, figure, missing, violationNames } from './wording.ts';

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
export function headline(result: LoadResult): Html {
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

export function aims(result: LoadResult): Html {
  const { head, rows } = aimsTable(result);
  const judgedRows = rows.map((cells, index) => [
    ...cells.slice(0, -1),
    judged(textOf(cells.at(-1)), result.aims[index]?.isMet === true),
  ]);
  return table('Aims', { head, rows: judgedRows }, 'None were set.');
}

export function messages(result: LoadResult): Html {
  return table('Messages', messagesTable(result));
}

export function times(result: LoadResult): Html {
  return html`${table('Times', timesTable(result))}
<p class="soft">${missing} was not measured. Times of messages are from the first byte written, an upload included.</p>`;
}

export function errors(result: LoadResult): Html {
  return table('Errors', errorsTable(result), 'None.');
}

/** What was looked at, each with how often it was otherwise; and what the audit found. */
export function violations({ driver, verdict: { audit } }: LoadResult): Html {
  const rows = Object.entries(violationNames).map(([name, words]) => {
    const times = driver.violations[name as keyof typeof violationNames];
    return [words, judged(count(times), times === 0)];
  });
  const breaches =
    audit.breaches.length === 0 ? html`` : html`<p>The audit of the log says:</p>${list(audit.breaches)}`;
  return html`${table('Violations', { head: ['what was looked at', 'times'], rows })}${list(driver.violationExamples)}${breaches}`;
}

/** Whether the figures are the servers', not the driver's. */
export function driver(result: LoadResult): Html {
  const { utilization, cpuSeconds } = result.driver.health;
  return html`<p>Its thread was busy ${number(utilization * 100)} % of the time; it used ${number(cpuSeconds)} s of CPU.</p>
${table('Driver', driverTable(result))}`;
}

export function processes(result: LoadResult): Html {
  return table('Processes', processesTable(result));
}

/** Everything that was done to the servers, numbered as in the plots. */
export function events({ events: all }: LoadResult): Html {
  if (all.length === 0) return html``;
  return html`<h2>Done to the servers</h2>
<ol>${all.map(({ second, what }) => html`<li>at ${number(second)} s: ${what}</li>`)}</ol>`;
}

/** What one needs to run it again. */
export function settings({ load, limits, settings: given, origin }: LoadResult): Html {
  const rows = { ...leavesOf(load), ...leavesOf(limits), ...given, ...leavesOf(origin) };
  return html`<dl class="settings">${pairs(rows)}</dl>`;
}
