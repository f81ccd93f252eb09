/** Values of a metric, one for each set of labels, of the text that `/metrics` answers with; none when the process does not tell it. */
export function valuesOf(text: string, metric: string): readonly number[] {
  return [...text.matchAll(new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value));
}

export function sumOf(text: string, metric: string): number {
  return valuesOf(text, metric).reduce((sum, value) => sum + value, 0);
}
