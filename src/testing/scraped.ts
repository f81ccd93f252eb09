/** What a server exposes to Prometheus now: each series as it is written, with its value. */
export async function scraped(httpAddress: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(series.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}
