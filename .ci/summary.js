// What a run of suites comes to, from the files that `jest --json --outputFile` wrote: `node .ci/summary.js FILE…` prints how long the longest
// suites took, and then every test that failed, with the beginning of its message: what is kept of a run is often its end alone.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const suitesShown = 40;
const linesOfMessage = 40;

const suites = process.argv
  .slice(2)
  .filter((file) => existsSync(file))
  .flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).testResults)
  .map((suite) => ({ ...suite, name: relative('.', suite.name), seconds: (suite.endTime - suite.startTime) / 1_000 }));

console.log(`== seconds of the ${suitesShown} longest suites of ${suites.length}`);
for (const { name, seconds } of suites.sort((a, b) => b.seconds - a.seconds).slice(0, suitesShown))
  console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`);

for (const { name, status, message, assertionResults } of suites.filter((suite) => suite.status === 'failed')) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0) print(`${name} (${status})`, message);
  for (const test of failed) print(`${name}: ${test.fullName}`, test.failureMessages.join('\n'));
}

function print(title, message) {
  console.log(`== FAILED ${title}`);
  console.log(message.split('\n').slice(0, linesOfMessage).join('\n'));
}
