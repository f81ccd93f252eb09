import type { Palette } from './draw.ts';

/** Plots take their colours from the page, so that they follow its theme. */
export const inPage: Palette = {
  ground: 'transparent',
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  line: 'var(--line)',
  alarm: 'var(--bad)',
  series: [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `var(--series-${index})`),
};

/** Colours have a light and a dark value each; every pair of words and ground has a contrast of at least 4.5. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#fcfbf8, #1a1b1a);
  --raised: light-dark(#ffffff, #222423);
  --ink: light-dark(#23221f, #ecebe5);
  --soft: light-dark(#5f5c54, #aaa99f);
  --line: light-dark(#e3dfd5, #3a3d3a);
  --good: light-dark(#2c6a45, #85cf9f);
  --bad: light-dark(#b3261e, #f59a88);
  --series-1: light-dark(#0f766e, #4fd1c0);
  --series-2: light-dark(#c2570c, #fdba74);
  --series-3: light-dark(#4338ca, #a5b4fc);
  --series-4: light-dark(#a16207, #fde047);
  --series-5: light-dark(#9d2463, #f9a8d4);
  --series-6: light-dark(#0369a1, #7dd3fc);
  --series-7: light-dark(#4d7c0f, #bef264);
  --series-8: light-dark(#57534e, #d6d3d1);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; margin: 0; }
h1 { font-size: 1.75rem; }
h1 small { color: var(--soft); font-weight: 400; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.75rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
.soft { color: var(--soft); }
ul { margin: 0.5rem 0; padding-left: 1.25rem; }
ul.findings { list-style: none; padding: 0; margin: 1rem 0; }
ul.findings li { padding-left: 1.4em; text-indent: -1.4em; }
.good::before, .bad::before { display: inline-block; width: 1.4em; text-align: left; text-indent: 0; font-weight: 700; }
.good::before { content: "✓"; color: var(--good); }
.bad::before { content: "✗"; color: var(--bad); }
.bad { color: var(--bad); font-weight: 600; }
dl.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0; }
dl.headline div { background: var(--raised); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.6rem 0.8rem; }
dt { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dl.headline dd { font-size: 1.35rem; font-weight: 600; }
dl.settings { columns: 19rem; column-gap: 2rem; margin: 0; }
dl.settings div { display: flex; justify-content: space-between; gap: 1rem; break-inside: avoid; border-bottom: 1px solid var(--line); padding: 0.25rem 0; font-size: 0.9rem; }
dl.settings dd { text-align: right; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 1.25rem 0.3rem 0; text-align: right; vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { text-align: left; }
td:first-child { overflow-wrap: anywhere; min-width: 6rem; }
@media (max-width: 40rem) { table { font-size: 0.8rem; } th, td { padding-right: 0.7rem; } }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--raised); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem; }
figcaption { font-size: 0.9rem; font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; }
`;
