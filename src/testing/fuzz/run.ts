/**
 * `npm run fuzz -- --target http2|tls|grpc|web|media|token [--inputs N] [--seed S]`: sends what radamsa makes of a real client's octets to a server in a
 * process of its own. What is mutated, and how, follows from the seed. Without a target each has its turn. The exit code is 1 when the server ended, had an
 * error that nobody expected, grew too much, or lost something of a client beside it.
 */
import { parseArgs } from 'node:util';
import { type FuzzResult, runFuzz, type TargetName, targetNames } from './run-fuzz.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    inputs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});
const chosen = targetNames.filter((name) => values.target === undefined || values.target === name);
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];

function tell(target: TargetName, result: FuzzResult): void {
  const { answers, grownMib, crashes, honest, faults } = result;
  for (const fault of faults) console.error(`FAULT ${target}: ${fault}`);
  console.log(
    `${target}, seed ${seed}: ${result.inputs} inputs, ${honest} honest messages, grew by ${grownMib.toFixed(0)} MiB, ${crashes} crashes, ${faults.length} faults; answers ${JSON.stringify(answers)}`,
  );
  if (faults.length > 0) process.exitCode = 1;
}

if (chosen.length === 0 || !Number.isInteger(inputs) || !Number.isInteger(seed)) {
  console.error(`usage: npm run fuzz -- --target ${targetNames.join('|')} [--inputs N] [--seed S]`);
  process.exitCode = 2;
} else
  for (const target of chosen) {
    const progress = (done: number) => console.error(`${target}: ${done} inputs`);
    tell(target, await runFuzz(target, { inputs, seed, progress }));
  }
