/** What a process tells of one metric. */
export interface Exposed {
  /** Label names to their values, over all samples there are; a counter that never counted has none. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/** The series of a Prometheus exposition text by their names, `_bucket` and the like included. Comments are left out. */
export function exposedIn(text: string): ReadonlyMap<string, Exposed> {
  const series = new Map<string, Map<string, Set<string>>>();
  for (const line of text.split('\n')) {
    const [, metric, type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    for (const suffix of metric === undefined ? [] : (suffixes[type] ?? ['']))
      series.set(`${metric}${suffix}`, new Map());
    const [, name = '', labels = ''] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      const values = series.get(name)?.get(label) ?? new Set();
      series.get(name)?.set(label, values.add(value));
    }
  }
  return new Map([...series].map(([name, labels]) => [name, { labels }]));
}
