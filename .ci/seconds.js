// Prints how long each suite took, the longest first, from the files that `jest --json --outputFile` wrote: `node .ci/seconds.js FILE…`
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const suites = process.argv
  .slice(2)
  .filter((file) => existsSync(file))
  .flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).testResults)
  .map(({ name, startTime, endTime }) => ({ name: relative('.', name), seconds: (endTime - startTime) / 1_000 }));
for (const { name, seconds } of suites.sort((a, b) => b.seconds - a.seconds))
  console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`);
