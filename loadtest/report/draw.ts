import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';

/** Colours of a plot, as anything that SVG takes for one: in a page, variables of its style sheet, so that they follow its theme. */
export interface Palette {
  readonly ground: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  /** Of what must not happen, and of limits. */
  readonly alarm: string;
  /** Of lines, in their order. */
  readonly series: readonly string[];
}

/** Read on white and on black alike, since it brings its own ground: an image in a document cannot follow the theme of what shows it. */
export const paper: Palette = {
  ground: '#fcfbf8',
  ink: '#23221f',
  soft: '#5f5c54',
  line: '#e3dfd5',
  alarm: '#b3261e',
  series: ['#0f766e', '#c2570c', '#4338ca', '#a16207', '#9d2463', '#0369a1', '#4d7c0f', '#57534e'],
};

/** Large enough to be read on a phone, where a plot is shown smaller than it is drawn. */
const textPx = 13;

function config({ ground, ink, soft, line }: Palette): Config {
  return {
    background: ground,
    font: 'system-ui, sans-serif',
    padding: 8,
    view: { stroke: null },
    axis: {
      labelColor: soft,
      labelFontSize: textPx,
      titleColor: soft,
      titleFontSize: textPx,
      titleFontWeight: 'normal',
      gridColor: line,
      domainColor: line,
      tickColor: line,
      labelOverlap: 'greedy',
    },
    legend: {
      labelColor: ink,
      labelFontSize: textPx,
      labelLimit: 0,
      orient: 'top',
      title: null,
      symbolStrokeWidth: 3,
      columns: 4,
    },
    title: { color: ink, fontSize: textPx + 1, anchor: 'start', fontWeight: 600 },
    // A value without neighbours is a dot, not nothing.
    line: { strokeWidth: 1.75, strokeCap: 'round', strokeJoin: 'round' },
    text: { fontSize: textPx - 1 },
  };
}

/** What is drawn into one frame, in layers. */
export type Panel = Extract<TopLevelSpec, { readonly layer: unknown }>;

/** In pixels, where it is shown as large as it is drawn: of a whole plot, and of one frame among others. */
const whole = { width: 500, height: 290 };
const frame = { width: 420, height: 220 };

/** Draws one frame, without a title. All are of one size, whatever stands at their axes. */
export function draw(panel: Panel, description: string, palette: Palette): Promise<string> {
  return toSvg({ ...panel, ...whole, autosize: { type: 'fit', contains: 'padding' }, description }, palette);
}

/** Draws frames side by side, each under its title. */
export function drawTogether(
  panels: readonly { readonly title: string; readonly panel: Panel }[],
  description: string,
  palette: Palette,
): Promise<string> {
  const hconcat = panels.map(({ title, panel }) => ({ ...panel, ...frame, title }));
  return toSvg({ hconcat, description, spacing: 24, resolve: { scale: { color: 'independent' } } }, palette);
}

/** SVG text that needs nothing else; texts are escaped in it. */
async function toSvg(spec: TopLevelSpec, palette: Palette): Promise<string> {
  const view = new View(parse(compile({ ...spec, config: config(palette) }).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
