import { get } from 'node:http';
import { get as getByTls } from 'node:https';
import { text } from 'node:stream/consumers';

/** What is exposed to Prometheus at this address now: each series as it is written, with its value. `ca`: by TLS, the authority that is trusted, PEM. */
export async function scraped(httpAddress: string, ca?: string): Promise<Readonly<Record<string, number>>> {
  const path = `//${httpAddress}/metrics`;
  const exposition = await new Promise<string>((resolve, reject) => {
    const request = ca === undefined ? get(`http:${path}`) : getByTls(`https:${path}`, { ca });
    request.on('response', (answer) => void text(answer).then(resolve, reject)).on('error', reject);
  });
  const series = exposition.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(series.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}
