import { type Graph, rows } from './dashboard-rows.ts';

/** Grafana's grid has this many columns. */
const gridColumns = 24;
const graphsPerRow = 3;
const graphHeight = 8;

/** The dashboard as Grafana takes it, by import or by provisioning. */
export function dashboardJson(): string {
  const dashboard = {
    uid: 'parley',
    title: 'Parley',
    tags: ['parley'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    panels: panels(),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panels(): readonly object[] {
  const made: object[] = [];
  let y = 0;
  for (const { title, graphs } of rows) {
    made.push({
      id: made.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: gridColumns, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, graph] of graphs.entries()) made.push(panel(graph, made.length + 1, index, y));
    y += Math.ceil(graphs.length / graphsPerRow) * graphHeight;
  }
  return made;
}

function panel({ title, description, unit, queries, min = 0 }: Graph, id: number, index: number, top: number): object {
  const w = gridColumns / graphsPerRow;
  const datasource = { type: 'prometheus', uid: '$' + '{datasource}' };
  return {
    id,
    type: 'timeseries',
    title,
    description,
    datasource,
    gridPos: {
      x: (index % graphsPerRow) * w,
      y: top + Math.floor(index / graphsPerRow) * graphHeight,
      w,
      h: graphHeight,
    },
    fieldConfig: {
      defaults: { unit, min, custom: { lineWidth: 1, fillOpacity: 8, showPoints: 'never' } },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(([legend, expr], at) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + at),
      datasource,
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}
